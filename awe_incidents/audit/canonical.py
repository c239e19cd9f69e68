"""The bytes of an audit entry: canonical JSON (RFC 8785) in a restricted form that every reader reads alike.

An entry is one object. No floats, integers below 2^53, no key twice, no lone surrogates, at most 32 levels and
65,535 bytes; times are RFC 3339 in UTC with six digits and Z. Anything else is refused with a named error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785

from awe_incidents.audit.errors import (
    DuplicateKey,
    EntryTooLarge,
    FloatNotAllowed,
    IntegerTooLarge,
    KeyNotText,
    NestedTooDeeply,
    NotCanonical,
    SaltTooShort,
    TextNotUnicode,
    TimeNotAllowed,
    TypeNotAllowed,
)

MAX_BYTES = 65_535
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
MIN_SALT_BYTES, MAX_SALT_BYTES = 16, 255
_WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_COMMITMENT = b"\x02"  # RFC 6962 hashes start with 0x00 (leaf) and 0x01 (node)


def encode(entry: Mapping[str, Any]) -> bytes:
    """Give the canonical bytes of an entry.

    Raises: EntryRefused, by the names of its family: EntryTooLarge, FloatNotAllowed, IntegerTooLarge, KeyNotText,
        NestedTooDeeply, TextNotUnicode, TypeNotAllowed.
    """
    content = dict(entry)
    if not _is_usual(content, depth=1):
        _check(content, place="", depth=1)
    data = _written(content)
    _check_size(data)
    return data


def _written(content: dict[str, Any]) -> bytes:
    """Write what was checked; where all is ASCII, Python's own encoder writes the same bytes ten times as fast.

    They differ in the order of keys beyond U+FFFF only (RFC 8785, 3.2.3 sorts UTF-16 units), and in floats.
    """
    text = _WRITER.encode(content)
    return text.encode() if text.isascii() else rfc8785.dumps(content)


def parse(data: bytes) -> dict[str, Any]:
    """Read an entry, and demand that the bytes are the ones that `encode` would write.

    Raises: NotCanonical, DuplicateKey and what `encode` raises.
    """
    _check_size(data)
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise NestedTooDeeply(f"the entry has more than {MAX_DEPTH} levels") from None
    except ValueError:
        raise NotCanonical("the entry is not JSON in UTF-8") from None
    if not isinstance(content, dict):
        raise NotCanonical("the entry is no JSON object")
    if encode(content) != data:
        raise NotCanonical("the entry is JSON, but not its canonical form (RFC 8785)")
    return content


def timestamp(at: datetime) -> str:
    """Give a time as RFC 3339 in UTC with six digits and Z: `2026-11-23T20:00:00.000000Z`.

    Raises: TimeNotAllowed, for a naive time or one outside of the years 1 to 9999.
    """
    if at.tzinfo is UTC:
        return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if at.utcoffset() is None:
        raise TimeNotAllowed("a time without a zone could be any time; pass an aware datetime")
    try:
        moment = at.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise TimeNotAllowed("the time is outside of the years 1 to 9999 in UTC") from None
    return moment.isoformat(timespec="microseconds") + "Z"


def commitment(salt: bytes, value: str) -> str:
    """Give `sha256:<hex>`, which fixes a text in an entry without showing it and lets it be erased elsewhere.

    SHA-256 over 0x02, the salt's length in one byte, the salt and the text in UTF-8. The first byte keeps it apart
    from the hashes of the tree, the length keeps salt and text apart. `printf '\\x02\\x10SALTTEXT' | sha256sum`.

    Raises: SaltTooShort, TextNotUnicode.
    """
    if not MIN_SALT_BYTES <= len(salt) <= MAX_SALT_BYTES:
        raise SaltTooShort(f"a salt has {MIN_SALT_BYTES} to {MAX_SALT_BYTES} bytes, not {len(salt)}")
    return (
        "sha256:" + hashlib.sha256(_COMMITMENT + bytes([len(salt)]) + salt + _utf8(value, place="the text")).hexdigest()
    )


def _is_usual(content: dict[Any, Any], *, depth: int) -> bool:
    """Say whether all is certainly allowed, as in nearly every entry; else `_check` looks, which takes longer."""
    if depth > MAX_DEPTH:
        return False
    for key, value in content.items():
        kind = type(value)
        if kind is str:
            is_usual = value.isascii()
        elif kind is int:
            is_usual = -MAX_INTEGER <= value <= MAX_INTEGER
        elif kind is dict:
            is_usual = _is_usual(value, depth=depth + 1)
        else:
            is_usual = value is None or kind is bool
        if not (is_usual and type(key) is str and key.isascii()):
            return False
    return True


def _check(value: object, *, place: str, depth: int) -> None:
    """Refuse what the restricted form does not have; `place` is a JSON pointer for messages."""
    if depth > MAX_DEPTH and isinstance(value, dict | list | tuple):  # what is in the last level is no level
        raise NestedTooDeeply(f"{place} is more than {MAX_DEPTH} levels deep")
    match value:
        case None | bool():
            return
        case str():
            _utf8(value, place=place)
        case int():
            _check_integer(value, place=place)
        case float():
            raise FloatNotAllowed(f"{place} is a float; use an integer in a smaller unit, or text")
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, place=f"{place}/{index}", depth=depth + 1)
        case dict():
            _check_object(value, place=place, depth=depth)
        case _:
            raise TypeNotAllowed(f"{place} is of type {type(value).__name__}, which JSON does not have")


def _check_object(content: dict[Any, Any], *, place: str, depth: int) -> None:
    for key, item in content.items():
        if not isinstance(key, str):
            raise KeyNotText(f"{place or 'the entry'} has a key of type {type(key).__name__}; keys are text")
        _utf8(key, place=f"a key of {place or 'the entry'}")
        step = key.replace("~", "~0").replace("/", "~1")
        _check(item, place=f"{place}/{step}", depth=depth + 1)


def _check_integer(number: int, *, place: str) -> None:
    if abs(number) > MAX_INTEGER:
        raise IntegerTooLarge(f"{place} is 2^53 or beyond; record it as text")


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise EntryTooLarge(
            f"the entry has {len(data):,} bytes; at most {MAX_BYTES:,} are kept, so record a digest instead"
        )


def _utf8(text: str, *, place: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise TextNotUnicode(f"{place} holds a lone surrogate; normalize the text first") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise DuplicateKey("a key stands twice in one object")
    return content


def _integer(digits: str) -> int:
    if len(digits) > len(str(-MAX_INTEGER)):
        raise IntegerTooLarge("the entry holds an integer of 2^53 or beyond")
    return int(digits)

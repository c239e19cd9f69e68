"""Read what applications record of logins: JSON objects a line, or lines of plain text, in whatever words they use.

Of an event only its kind, time, user and address are kept. Lines come from strangers: they may be torn, binary, endless
or dated wrongly, and what cannot be read is counted and left.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import re2

from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import opened
from diagnostics.probes.jobs import epoch_seconds
from diagnostics.probes.timestamps import stamp_of

TELLING_LESS = {"name", "ip", "id", "action", "address", "type"}  # than the object that they stand in
MAX_LINE_BYTES = 8_192
MAX_FIELDS = 200
MAX_DEPTH = 3
MAX_NAME = 200
MAX_PAIRS_CHARACTERS = 2_000
BLOCK_BYTES = 262_144

# Names of fields in small letters without _ and -, the more telling ones first.
EVENT_FIELDS = ("event", "eventtype", "eventname", "type", "action", "msg", "message", "name")
OUTCOME_FIELDS = ("outcome", "result", "status", "success")
USER_FIELDS = ("username", "user", "userid", "account", "login", "principal", "actor", "email", "subject", "sub")
ADDRESS_FIELDS = ("clientip", "remoteaddr", "remoteip", "sourceip", "srcip", "ipaddress", "ip", "client", "remotehost")
LESS_TELLING = ("address", "peer", "source")
TIME_FIELDS = ("ts", "time", "timestamp", "@timestamp", "datetime", "loggedat", "createdat", "date", "at")

WHAT = r"(?:log[- _]?(?:in|on)s?|sign[- _]?(?:in|on)s?|auth\w*|passwords?|credentials?|tokens?|access|session)"
NOT = r"(?:fail\w*|invalid|denied|reject\w*|refus\w*|wrong|bad|incorrect|unauthori[sz]ed|unsuccessful|errors?)"
# In RE2, whose time is bound by the length of the line, whatever stands in it.
FAILURE = re2.compile(rf"(?i)\b{WHAT}\b.{{0,60}}\b{NOT}\b|\b{NOT}\b.{{0,40}}\b{WHAT}\b")
LOGIN = re2.compile(r"(?i)\b(?:log[- _]?(?:in|on)|sign[- _]?(?:in|on)|auth\w*)\b")
SUCCESS = re2.compile(r"(?i)\b(?:ok|success\w*|succeeded|accepted|granted)\b")
LOCKOUT = re2.compile(r"(?i)\b(?:account|user|login)s?\b.{0,40}\block(?:ed)?[- _]?(?:out)?\b|\block[- _]?out\b")
# The application's own failure, in a login, say, is no refusal: `Internal Server Error: /auth/login`.
OWN_FAILURE = re2.compile(r"(?i)\b(?:unhandled|uncaught|internal(?: server)?) (?:error|exception)\b")
JSON_OBJECT = re.compile(rb"(?:\d{4}-\d\d-\d\dT[\d:.]+Z )?(?=\{)")  # behind an engine's stamp, too
IS_NONE = r"\b[\"']?\s*(?:[=:]|is|value|was)?\s*[\"']?none\b"
ALG_NONE = re2.compile(rf"(?i)\balg{IS_NONE}|\bun(?:secured|signed) (?:jwt|jws|token)")
ALGORITHM_NONE = re2.compile(rf"(?i)\balgorithm{IS_NONE}")  # said of tokens; archives, too, know such an algorithm
OF_TOKENS = re2.compile(r"(?i)\b(?:jwt|jws|tokens?|bearer)\b")
ALG_REFUSED = re2.compile(
    r"(?i)\balg(?:orithm)?\b.{0,30}\b(?:not (?:allowed|supported|accepted)|mismatch|unexpected)|InvalidAlgorithm"
)
OF_LOGINS = re2.compile(rf"(?i)\b{WHAT}\b|lock|\balg|InvalidAlgorithm|unsigned|unsecured")
OF_ALGORITHMS = re2.compile(r"(?i)alg|unsigned|unsecured")
REASON_IN_TEXT = re.compile(r"\b(?:reason|cause|detail)\s*[=:]", re.I)
PAIR = re.compile(r"\b([A-Za-z_][\w.-]{0,40})\s*=\s*(\"[^\"]{0,200}\"|[^\s,;]{1,200})")
FROM = re.compile(r"\bfrom ((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]+)\b", re.I)
FOR = re.compile(r"\bfor (?:invalid )?(?:user |account )?['\"]?([\w.@+-]{1,100})", re.I)


class Kind(StrEnum):
    """What an event is about."""

    FAILURE = "failure"  # a login or a token was refused
    LOCKOUT = "lockout"
    ALG_NONE = "alg_none"  # somebody showed a token that nobody signed
    ALG_REFUSED = "alg_refused"  # or one of an algorithm that is not allowed
    SUCCESS = "success"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One line that was understood; `at` is None where it bears no time."""

    kind: Kind
    at: float | None
    user: str = ""
    address: str = ""


def lines_from_the_end(path: Path, *, max_bytes: int) -> Iterator[bytes]:
    """Give the lines of a file, the last one first, as long as wanted; each cut where it is endless.

    Raises: FileUnusable, NotPermitted.
    """
    with opened(path) as file:
        end = os.fstat(file.fileno()).st_size
        position, start, rest = end, max(end - max_bytes, 0), b""
        while position > start:
            size = min(BLOCK_BYTES, position - start)
            position -= size
            try:
                block = os.pread(file.fileno(), size, position)
            except OSError as error:
                raise FileUnusable("unreadable", f"{path} cannot be read: {error.strerror}") from None
            first, *whole = block.split(b"\n")
            if whole:
                yield (whole[-1] + rest)[:MAX_LINE_BYTES]
                yield from (line[:MAX_LINE_BYTES] for line in reversed(whole[:-1]))
                rest = b""
            rest = (first + rest)[:MAX_LINE_BYTES]
        if start == 0:
            yield rest


def event_of(line: bytes) -> Event | None:
    """Understand one line; None for one that is empty, torn or says nothing of the kind."""
    text = line.strip()
    if match := JSON_OBJECT.match(text):
        return _of_json(text[match.end() :], before=match[0])
    return _of_text(text)


def _of_json(line: bytes, *, before: bytes = b"") -> Event | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):  # torn, or binary
        return None
    if not isinstance(parsed, dict):
        return None
    fields = _flat(parsed)
    said = _plain(f"{_first(fields, EVENT_FIELDS)} {_first(fields, OUTCOME_FIELDS)}")
    kind = _kind(said, all_of_it=line.decode(errors="replace"))
    if kind is Kind.OTHER and LOGIN.search(said) and _outcome(fields) is False:
        kind = Kind.FAILURE
    at = next((when for name in TIME_FIELDS if (when := epoch_seconds(fields.get(name))) is not None), None)
    if at is None and (stamp := stamp_of(line) or stamp_of(before)):
        at = stamp.at.timestamp()
    return Event(kind, at, _first(fields, USER_FIELDS), _first(fields, (*ADDRESS_FIELDS, *LESS_TELLING)))


def _plain(text: str) -> str:
    return text.replace("_", " ").replace(".", " ").replace("-", " ")


@lru_cache(maxsize=1024)
def _field_name(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _flat(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Give fields by plain name, those of inner objects, too, where no outer one has the name.

    In `{"user": {"name": ...}, "source": {"ip": ...}}` the outer name says what the inner value is.
    """
    fields: dict[str, Any] = {}
    pending: list[tuple[str, Mapping[str, Any], int]] = [("", parsed, 0)]
    for outer, level, depth in pending:
        for name, value in list(level.items())[:MAX_FIELDS]:
            key = _field_name(str(name)[:MAX_NAME])
            if isinstance(value, dict):
                if depth < MAX_DEPTH and len(pending) < MAX_FIELDS:
                    pending.append((key, value, depth + 1))
            else:
                fields.setdefault(outer if outer and key in TELLING_LESS else key, value)
    return fields


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name)
        if value and isinstance(value, str | int) and not isinstance(value, bool):
            return "".join(one if one.isprintable() else "?" for one in str(value)[:MAX_NAME])
    return ""


def _outcome(fields: Mapping[str, Any]) -> bool | None:
    for name in OUTCOME_FIELDS:
        value = fields.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return bool(SUCCESS.search(value))
    return None


def _of_text(line: bytes) -> Event | None:
    text = line.decode(errors="replace")
    if not OF_LOGINS.search(text) or OWN_FAILURE.search(text):
        return None
    kind = _kind(REASON_IN_TEXT.split(text, maxsplit=1)[0], all_of_it=text)
    text = text[:MAX_PAIRS_CHARACTERS]
    pairs = {_field_name(name): value.strip('"') for name, value in PAIR.findall(text)}
    user, address = _first(pairs, USER_FIELDS), _first(pairs, (*ADDRESS_FIELDS, *LESS_TELLING))
    if not user and (match := FOR.search(text)):
        user = match[1]
    if not address and (match := FROM.search(text)):
        address = match[1]
    stamp = stamp_of(line)
    return Event(kind, stamp.at.timestamp() if stamp else None, user, address)


def _kind(said: str, *, all_of_it: str) -> Kind:
    """Sort by what the event says of itself; algorithms may stand anywhere in it."""
    if OF_ALGORITHMS.search(all_of_it):
        if ALG_NONE.search(all_of_it) or (ALGORITHM_NONE.search(all_of_it) and OF_TOKENS.search(_plain(all_of_it))):
            return Kind.ALG_NONE
        if ALG_REFUSED.search(all_of_it):
            return Kind.ALG_REFUSED
    return _kind_said(said)


@lru_cache(maxsize=1024)
def _kind_said(said: str) -> Kind:
    if LOCKOUT.search(said):
        return Kind.LOCKOUT
    if FAILURE.search(said):
        return Kind.FAILURE
    return Kind.SUCCESS if LOGIN.search(said) and SUCCESS.search(said) else Kind.OTHER

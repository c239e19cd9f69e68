"""Secrets that are known: removed wherever they stand, and in the forms in which programs write them.

The decision on weak values. A value of 8 bytes or more that is no common word is removed anywhere, in every form. A
shorter one that no sentence contains by chance (a digit or a sign beside letters, from 4 bytes on) is removed where it
stands as a whole word. What remains (`admin`, `postgres`, `12345`) would wreck the text (host, role and database bear
the same name) and protects nothing, so it is removed only where a rule sees a secret's place (`password=...`,
`user:...@`); `weak_names` says which secrets those are, so that a caller can tell the operator to change them.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from diagnostics.redaction.patterns import compile_once
from diagnostics.redaction.wrapped import WrappedSecrets

ANYWHERE_BYTES = 8
WHOLE_WORD_BYTES = 4
MIN_BASE64_CORE_BYTES = 10
_COMMON = """
00000000 11111111 12345678 123456789 1234567890 aaaaaaaa accepted administrator change_me changeit changeme
container database default development disabled enabled example external internal letmein1 localhost monitoring
mysecret optional passw0rd password password1 password123 passwort pgbouncer postgres postgresql production
qwerty123 qwertyui rabbitmq readonly rejected replication required sample-password secretkey service services
staging superuser testing undefined username welcome1 workflow xxxxxxxx
"""
COMMON = frozenset(_COMMON.split())


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret of the stack, by name and value; its value never shows in a repr."""

    name: str
    value: str = field(repr=False)


class KnownSecrets:
    """Finds known values, their base64 in all three alignments, URL-encoded, escaped and hexadecimal forms."""

    def __init__(self, secrets: Sequence[KnownSecret], *, keep_words: frozenset[str] = frozenset()) -> None:
        self._values: dict[bytes, bytes] = {}
        anywhere: set[bytes] = set()
        words: set[bytes] = set()
        cores: dict[bytes, bytes] = {}
        self.weak_names: tuple[str, ...] = ()
        for secret in secrets:
            for value in _parts(secret.value):
                strength = _strength(value, keep_words)
                if strength == "weak":
                    self.weak_names += (secret.name,) if secret.name not in self.weak_names else ()
                    continue
                for form in _forms(value):
                    self._values.setdefault(form, value.encode("utf-8", "surrogatepass"))
                    (words if len(form) < ANYWHERE_BYTES else anywhere).add(form)
                if strength == "anywhere":
                    data = value.encode("utf-8", "surrogatepass")
                    cores |= dict.fromkeys(_base64_cores(data), data)
        self._wrapped = WrappedSecrets(cores)
        self.anchor = _union(anywhere | words | self._wrapped.probes)
        whole = rf"(?:^|[^A-Za-z0-9_])(?P<word>{_union(words)})(?:$|[^A-Za-z0-9_])" if words else ""
        parts = [part for part in (f"(?P<any>{_union(anywhere)})" if anywhere else "", whole) if part]
        self._pattern = compile_once("|".join(parts)) if parts else None

    def find(self, text: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Give start, end and the value itself, so that every form of a secret gets the same token."""
        if self._pattern is None:
            return
        position = 0
        while (match := self._pattern.search(text, position)) is not None:
            group = next(index for index in self._pattern.groupindex.values() if match.span(index)[0] >= 0)
            start, end = match.span(group)
            yield start, end, self._values[text[start:end]]
            position = end
        yield from self._wrapped.find(text)


def _parts(value: str) -> Iterator[str]:
    """Give the lines of a value that has several (a key file), without frame lines."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) < 2:
        yield value.strip("\r\n")
        return
    yield from (line for line in lines if len(line) >= 16 and not line.startswith("-----"))


def _strength(value: str, keep_words: frozenset[str]) -> str:
    if len(value) < WHOLE_WORD_BYTES or value.lower() in COMMON or value in keep_words:
        return "weak"
    if len(value) >= ANYWHERE_BYTES:
        return "anywhere"
    mixed = re.search(r"[^A-Za-z]", value) and re.search(r"[^0-9]", value)
    return "word" if mixed else "weak"


def _forms(value: str) -> Iterator[bytes]:
    """Give every form that is looked for; a short base64 core would match by chance and is left out."""
    data = value.encode("utf-8", "surrogatepass")
    texts = {value, html.escape(value), html.escape(value).replace("&#x27;", "&#39;"), value.replace("'", "''")}
    texts |= set(_escaped(value)) | {repr(value)[1:-1], value.replace("'", "'\"'\"'"), value.replace("'", "'\\''")}
    quoted = {quote(data, safe=""), quote(data, safe="/"), quote_plus(data), quote(data, safe="!*'()~-._")}
    quoted |= {_lower_escapes(text) for text in quoted}
    texts |= quoted | {quote(text, safe="") for text in quoted} | set(_every_character(value, data))
    forms = {text.encode("utf-8", "surrogatepass") for text in texts}
    if len(data) >= ANYWHERE_BYTES:
        forms |= {data.hex().encode("ascii"), data.hex().upper().encode("ascii")}
    forms |= set(_base64_forms(data))
    yield from sorted(forms)


def _escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        for text in (once, twice, json.dumps(twice)[1:-1]):
            yield text
            yield text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
            yield text.replace("/", "\\/")


def _every_character(value: str, data: bytes) -> Iterator[str]:
    """Give the forms in which nothing is plain: percent-encoded, escaped as in JSON or C, as HTML entities."""
    for form in ("%{:02X}", "\\x{:02X}"):
        text = "".join(map(form.format, data))
        yield from (text, text.lower())
    units = value.encode("utf-16-be", "surrogatepass")
    for form in ("\\u{:04x}", "\\u{:04X}"):
        yield "".join(form.format(int.from_bytes(units[at : at + 2])) for at in range(0, len(units), 2))
    for form in ("&#{};", "&#x{:x};", "&#x{:X};"):
        yield "".join(map(form.format, map(ord, value)))


def _lower_escapes(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), text)


def _base64_forms(data: bytes) -> Iterator[bytes]:
    """Give what base64 and its URL-safe form make of a value, alone and within other bytes."""
    whole = base64.b64encode(data).rstrip(b"=")
    if len(whole) >= ANYWHERE_BYTES:
        yield from {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    for core in _base64_cores(data):
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _base64_cores(data: bytes) -> Iterator[bytes]:
    """Give the characters that depend on the value alone, for each place it can have in a group of three bytes."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data)
        first = (shift * 8 + 5) // 6
        last = (shift + len(data)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= MIN_BASE64_CORE_BYTES:
            yield core


_BYTES = tuple(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in range(256))


def _union(needles: Iterable[bytes]) -> str:
    ordered = sorted(needles, key=lambda needle: (-len(needle), needle))
    return "|".join("".join(map(_BYTES.__getitem__, needle)) for needle in ordered)

"""The parts of whatever is given as a token, read without trust: JWS, JWE, nested, unsigned, or none of these."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from diagnostics.probes.tokens import MAX_TOKEN_BYTES, time_in

MAX_NESTED = 3
SIGNED_SEGMENTS, ENCRYPTED_SEGMENTS = 3, 5


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a token; holds nothing of its values."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A token taken apart; its text and its claims stay out of repr."""

    kind: str  # signed, unsigned, encrypted, nested or opaque
    size_bytes: int
    segments: int
    text: str = field(default="", repr=False)
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    payload: str = field(default="", repr=False)  # of a nested token
    notes: tuple[Note, ...] = ()

    @property
    def algorithm(self) -> str:
        """Give the algorithm that the header names, "" where it names none."""
        named = self.header.get("alg")
        return named if isinstance(named, str) else ""

    def time(self, claim: str) -> float | None:
        """Give a time claim in seconds since the epoch, None where it is missing or no number."""
        return time_in(self.claims, claim)

    def inner(self) -> Parts | None:
        """Give the token inside, where there is one."""
        return take_apart(self.payload) if self.kind == "nested" else None


def take_apart(text: str) -> Parts:
    """Take a token apart, whatever was given."""
    text, notes = _without_wrapping(text)
    size, segments = len(text.encode("utf-8", "surrogatepass")), text.count(".") + 1
    opaque = Parts("opaque", size, segments, notes=notes)
    if size > MAX_TOKEN_BYTES:
        return _with(opaque, "token.too_large", f"it has {size} bytes; no header carries more than {MAX_TOKEN_BYTES}")
    if segments not in {SIGNED_SEGMENTS, ENCRYPTED_SEGMENTS}:
        return _with(opaque, "token.not_a_jwt", f"it has {segments} parts between dots; a JWT has 3, or encrypted 5")
    pieces = text.split(".")
    header = _object(_decoded(pieces[0]))
    if header is None:
        return _with(opaque, "token.malformed", "its header is not base64url of a JSON object, each name once")
    parts = Parts("encrypted", size, segments, text=text, header=header, notes=(*notes, *_padded(text)))
    if segments == ENCRYPTED_SEGMENTS:
        return _with(parts, "token.encrypted", "it is encrypted (JWE): only its header can be read")
    return _signed(parts, pieces)


def _signed(parts: Parts, pieces: list[str]) -> Parts:
    payload = _decoded(pieces[1])
    if parts.algorithm.lower() == "none":
        text = "it is not signed at all (alg none); whoever accepts it accepts anybody"
        parts = _with(replace(parts, kind="unsigned"), "token.alg_none", text)
    elif not pieces[2]:
        text = "its signature was cut off, or it never had one"
        parts = _with(replace(parts, kind="unsigned"), "token.signature_missing", text)
    else:
        parts = replace(parts, kind="signed")
    claims = _object(payload)
    if claims is not None:
        return replace(parts, claims=claims)
    inner = (payload or b"").decode("ascii", "replace").strip('"')
    if inner.count(".") in {SIGNED_SEGMENTS - 1, ENCRYPTED_SEGMENTS - 1} and "\ufffd" not in inner:
        return _with(replace(parts, kind="nested", payload=inner), "token.nested", "it holds another token")
    return _with(parts, "token.malformed", "its claims are not base64url of a JSON object, each name once")


def _without_wrapping(text: str) -> tuple[str, tuple[Note, ...]]:
    """Take off what copying brings along: the scheme of a header, quotes, line ends, a byte order mark."""
    bare = text.strip("\ufeff \t\r\n").strip("\"'`")
    scheme, _, rest = bare.partition(" ")
    if scheme.lower() in {"bearer", "authorization:", "token", "jwt"} and rest:
        bare = rest.strip().removeprefix("Bearer ").removeprefix("bearer ").strip()
    broken = "".join(bare.split())
    if broken == bare:
        return bare, ()
    return broken, (Note("token.white_space", "white space stands inside it, as after copying from a terminal"),)


def _padded(text: str) -> tuple[Note, ...]:
    if not set("=+/") & set(text):
        return ()
    return (Note("token.not_base64url", "it is written in plain base64 (=, + or /); most verifiers refuse that"),)


def _decoded(segment: str) -> bytes | None:
    bare = segment.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _object(data: bytes | None) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(data, object_pairs_hook=_unique) if data is not None else None
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: two readers of it would see two tokens (RFC 7515, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _with(parts: Parts, code: str, text: str) -> Parts:
    return replace(parts, notes=(*parts.notes, Note(code, text)))

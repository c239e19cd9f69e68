"""A token that a person gives, taken apart for them: what stands in it, its times, whose key fits; never its values.

Sources: RFC 7515 to 7519, RFC 8725 (what not to trust). What is told: the header's alg, typ, cty, enc and kid (short
and redacted), the names of its other parameters and of the claims, the times iat, nbf and exp, sizes, and for each key
of the stack whether it made the signature. The token, its subject and every other value stay where they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from diagnostics.probes.token_parts import MAX_NESTED, Note, Parts, take_apart
from diagnostics.probes.tokens import TIMES, KeyUnusable, in_utc, is_signed_with, short_key_bytes
from diagnostics.stack import Tokens

SHOWN = ("alg", "enc", "typ", "cty", "kid")
KEYS_OF_ITS_OWN = ("jwk", "jku", "x5u", "x5c")  # a verifier that believes these lets anybody sign
MAX_NAMES, MAX_NAME, MAX_VALUE = 50, 64, 100
MILLISECONDS_FROM = 1e11  # a time beyond the year 5138

Clean = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token on its way through us; no repr, log line or traceback shows it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of the stack, or why it cannot be had."""

    service: str
    place: str
    value: str | None = field(repr=False)
    unreadable: str = ""


class Fit(StrEnum):
    """What came of trying a key."""

    FITS = "fits"
    ANOTHER = "does_not_fit"
    UNUSABLE = "unusable"  # not a key for the token's algorithm
    UNREADABLE = "unreadable"  # cannot be had from where we look
    NOT_TRIED = "not_tried"  # the token has no signature, or one that the stack does not allow


@dataclass(frozen=True, slots=True)
class TriedKey:
    """One service's key and what came of trying it."""

    service: str
    place: str
    fit: Fit
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TokenTime:
    """A time claim; `from_now_seconds` is negative for the past."""

    claim: str
    at: str  # ISO 8601, UTC
    from_now_seconds: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a person may know of a token."""

    kind: str  # signed, unsigned, encrypted, nested or opaque
    size_bytes: int
    segments: int
    header: dict[str, str] = field(default_factory=dict)
    other_parameters: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    times: tuple[TokenTime, ...] = ()
    lifetime_seconds: float | None = None
    keys: tuple[TriedKey, ...] = ()
    notes: tuple[Note, ...] = ()
    inner: Inspection | None = None  # of a nested token


def inspect(
    given: GivenToken, *, tokens: Tokens | None, keys: Sequence[KnownKey], now: float, clean: Clean
) -> Inspection:
    """Take a token apart and try the keys; whatever it is, there is an answer. `now` is in seconds since the epoch."""
    return _inspected(take_apart(given.text), tokens or Tokens(), keys, now, clean, depth=0)


def _inspected(
    parts: Parts, tokens: Tokens, keys: Sequence[KnownKey], now: float, clean: Clean, *, depth: int
) -> Inspection:
    times = tuple(_times(parts, now))
    inner = parts.inner() if depth < MAX_NESTED else None
    return Inspection(
        kind=parts.kind,
        size_bytes=parts.size_bytes,
        segments=parts.segments,
        header={name: _shown(parts.header[name], clean) for name in SHOWN if name in parts.header},
        other_parameters=_names(set(parts.header) - set(SHOWN), clean),
        claims=_names(parts.claims, clean),
        times=times,
        lifetime_seconds=_lifetime(parts),
        keys=tuple(_tried(parts, tokens, key) for key in keys) if depth == 0 else (),
        notes=tuple(_notes(parts, tokens, keys if depth == 0 else (), now)),
        inner=_inspected(inner, tokens, keys, now, clean, depth=depth + 1) if inner else None,
    )


def _shown(value: object, clean: Clean) -> str:
    return clean(str(value)[:MAX_VALUE]) if isinstance(value, str | int | float | bool) else type(value).__name__


def _names(names: Iterable[str], clean: Clean) -> tuple[str, ...]:
    return tuple(clean(name[:MAX_NAME]) for name in sorted(names)[:MAX_NAMES])


def _times(parts: Parts, now: float) -> Iterator[TokenTime]:
    for claim in TIMES:
        if (at := parts.time(claim)) is not None:
            yield TokenTime(claim, in_utc(at), round(at - now, 1))


def _lifetime(parts: Parts) -> float | None:
    begins, ends = parts.time("iat"), parts.time("exp")
    begins = parts.time("nbf") if begins is None else begins
    return None if begins is None or ends is None else ends - begins


def _tried(parts: Parts, tokens: Tokens, key: KnownKey) -> TriedKey:
    if key.value is None:
        return TriedKey(key.service, key.place, Fit.UNREADABLE, key.unreadable)
    if parts.kind not in {"signed", "nested"}:
        return TriedKey(key.service, key.place, Fit.NOT_TRIED, "the token has no signature to try it on")
    if parts.algorithm not in tokens.algorithms:
        return TriedKey(key.service, key.place, Fit.NOT_TRIED, "the stack does not allow the token's algorithm")
    try:
        is_made_with_it = is_signed_with(parts.text, key.value, algorithm=parts.algorithm)
    except KeyUnusable as unusable:
        return TriedKey(key.service, key.place, Fit.UNUSABLE, unusable.text)
    return TriedKey(key.service, key.place, Fit.FITS if is_made_with_it else Fit.ANOTHER)


def _notes(parts: Parts, tokens: Tokens, keys: Sequence[KnownKey], now: float) -> Iterator[Note]:
    yield from parts.notes
    if parts.kind == "opaque":
        return
    yield from _of_header(parts, tokens)
    if parts.kind in {"signed", "unsigned"}:
        yield from _of_times(parts, tokens, now)
        if tokens.issuer is not None and parts.claims.get("iss") != tokens.issuer:
            yield Note("token.issuer", f"its issuer is not {tokens.issuer}, as the stack says")
    for key in keys:
        if key.value is not None and (size := short_key_bytes(key.value, parts.algorithm)) is not None:
            yield Note("signature.short_key", f"the key of {key.service} has {size} bytes, too few (RFC 7518 3.2)")


def _of_header(parts: Parts, tokens: Tokens) -> Iterator[Note]:
    allowed = ", ".join(tokens.algorithms)
    if parts.kind in {"signed", "nested"} and not parts.algorithm:
        yield Note("token.alg_missing", "its header names no algorithm")
    elif parts.kind in {"signed", "nested"} and parts.algorithm not in tokens.algorithms:
        yield Note("token.alg_not_allowed", f"the stack allows {allowed}, and the token names another algorithm")
    if own := [name for name in KEYS_OF_ITS_OWN if name in parts.header]:
        yield Note("token.own_key", f"it brings a key of its own ({', '.join(own)}), which nobody may believe")
    if "crit" in parts.header:
        yield Note("token.critical", "its header marks parameters as critical; who does not know them must refuse it")
    kid = parts.header.get("kid")
    if kid is not None and not _is_plain(kid):
        yield Note("token.kid_strange", "its kid is no plain name; used in a path or a query it could do harm")
    if tokens.require_kid and not kid:
        yield Note("token.kid_missing", "its header names no key (kid), and the stack says that it must")


def _is_plain(kid: object) -> bool:
    return isinstance(kid, str) and len(kid) <= MAX_VALUE and all(one.isalnum() or one in "-_.:=+" for one in kid)


def _of_times(parts: Parts, tokens: Tokens, now: float) -> Iterator[Note]:
    leeway = tokens.leeway_seconds
    for claim in TIMES:
        at = parts.time(claim)
        if claim in parts.claims and at is None:
            yield Note("token.time_unreadable", f"its {claim} is no number of seconds")
        elif at is not None and at > MILLISECONDS_FROM:
            yield Note("token.time_milliseconds", f"its {claim} seems to be in milliseconds; RFC 7519 has seconds")
    expires, begins = parts.time("exp"), parts.time("nbf")
    if "exp" not in parts.claims:
        yield Note("token.no_expiry", "it never expires: it has no exp")
    if expires is not None and expires + leeway <= now:
        yield Note("token.expired", f"it expired {now - expires:.0f} s ago by our clock")
    if begins is not None and begins - leeway > now:
        yield Note("token.not_yet_valid", f"it is valid only in {begins - now:.0f} s by our clock")
    issued = parts.time("iat")
    if issued is not None and issued - leeway > now:
        yield Note("token.issued_ahead", f"it was issued {issued - now:.0f} s ahead of our clock")

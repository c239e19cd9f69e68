"""AUT-02: take the fresh token apart and see that it is built as the stack says, without verifying it.

Fail: `token.not_a_jwt`, `token.encrypted`, `token.malformed`, `token.too_large`, `token.alg_none`, `token.alg_missing`,
`token.alg_not_allowed` (not in the stack's `algorithms`), `token.kid_missing` (only where the stack says
`require_kid`), `token.issuer` (another one than the stack's). Warn: `token.no_expiry`, `token.claims_missing` (iat or
sub), `token.long_lived` (more than 24 h [ours], threshold `lifetime_seconds`), `token.large` (more than 4096 bytes
[ours], threshold `size_bytes`: it fills half of the usual 8 KiB for headers). Pass: `token.well_formed`.
Skip: `token.none`, where no login gave one. Evidence holds the header, the claims' names and the times, never the
token, its subject or any other value. Sources: RFC 7519, RFC 8725. That an HMAC key is too short is said by
auth.token_signature, which reads the keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.fresh_token import TOKEN, no_token
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.tokens import TIMES, ReadToken, TokenUnreadable, in_utc, read_token
from diagnostics.stack import StackConfig, Tokens

LIFETIME_SECONDS = 86_400.0
SIZE_BYTES = 4096.0
SHOWN_HEADER = ("alg", "typ", "cty", "kid")
MAX_CLAIMS = 50


@dataclass(frozen=True, kw_only=True)
class TokenStructure(Check):
    """The token that the login of this run gave."""

    slug: ClassVar[str] = "auth.token_structure"
    title: ClassVar[str] = "Tokens are built as the stack says"
    suites: ClassVar[frozenset[str]] = frozenset({"auth"})
    requires: ClassVar[tuple[str, ...]] = ("auth.login_probe",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where tokens and a login that gives one are described."""
        if stack.tokens is None:
            return "the stack describes no [tokens]"
        return None if stack.login else "the stack describes no [login], so there is no token to look at"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read the token and judge each part."""
        tokens = seeing.stack.tokens
        assert tokens is not None
        if finding := no_token(seeing):
            yield finding
            return
        try:
            token = read_token(seeing.handed_over(TOKEN))
        except TokenUnreadable as unreadable:
            evidence = seeing.keep("command", source="the fresh token, taken apart", content=[unreadable.text])
            yield Finding(
                state=State.FAIL, code=unreadable.code, message=unreadable.text, citations=(evidence.whole(),)
            )
            return
        evidence = seeing.keep("command", source="the fresh token, taken apart", content=_lines(token))
        cited = (evidence.whole(),)
        faults = [*_header_faults(token, tokens, cited), *_claim_faults(seeing, token, tokens, cited)]
        yield from faults or [_well_formed(token, cited)]


def _lines(token: ReadToken) -> list[str]:
    header = [f"{name}: {_short(token.header[name])}" for name in SHOWN_HEADER if name in token.header]
    others = sorted(str(name)[:64] for name in token.claims)[:MAX_CLAIMS]
    return [*header, f"claims: {', '.join(others)}", *_times(token), f"size: {token.size_bytes} bytes"]


def _short(value: object) -> str:
    return str(value)[:100] if isinstance(value, str | int | float | bool) else type(value).__name__


def _times(token: ReadToken) -> Iterator[str]:
    for claim in TIMES:
        if (at := token.time(claim)) is not None:
            yield f"{claim}: {at:.0f} ({in_utc(at)})"


def _header_faults(token: ReadToken, tokens: Tokens, cited: tuple[Citation, ...]) -> Iterator[Finding]:
    algorithm, allowed = token.algorithm, ", ".join(tokens.algorithms)
    fault = ("", "")
    if not algorithm:
        fault = ("token.alg_missing", "its header names no algorithm")
    elif algorithm.lower() == "none":
        fault = ("token.alg_none", "it is not signed at all (alg none)")
    elif algorithm not in tokens.algorithms:
        fault = ("token.alg_not_allowed", f"it is signed with {algorithm[:20]}, and the stack allows {allowed}")
    if fault[0]:
        yield Finding(
            state=State.FAIL, code=fault[0], message=f"the login gives a token, but {fault[1]}", citations=cited
        )
    if tokens.require_kid and not token.header.get("kid"):
        message = "the token's header names no key (kid), and the stack says that it must"
        yield Finding(state=State.FAIL, code="token.kid_missing", message=message, citations=cited)


def _claim_faults(seeing: Seeing, token: ReadToken, tokens: Tokens, cited: tuple[Citation, ...]) -> Iterator[Finding]:
    if tokens.issuer is not None and token.claims.get("iss") != tokens.issuer:
        message = f"the token's issuer is not {tokens.issuer}, as the stack says"
        yield Finding(state=State.FAIL, code="token.issuer", message=message, citations=cited)
    expires, issued = token.time("exp"), token.time("iat")
    if expires is None:
        message = "the token never expires: it has no exp"
        yield Finding(state=State.WARN, code="token.no_expiry", message=message, citations=cited)
    missing = [name for name in ("iat", "sub") if name not in token.claims]
    if missing:
        message = f"the token lacks the claims {', '.join(missing)}"
        yield Finding(state=State.WARN, code="token.claims_missing", message=message, citations=cited)
    lifetime = seeing.threshold("lifetime_seconds", LIFETIME_SECONDS, unit="s")
    if expires is not None and issued is not None and expires - issued > lifetime.value:
        yield Finding(
            state=State.WARN,
            code="token.long_lived",
            message=f"the token lives {(expires - issued) / 3600:.1f} h, more than {lifetime.value / 3600:g} h",
            measured={"lifetime": Measurement(expires - issued, "s")},
            threshold=lifetime,
            citations=cited,
        )
    size = seeing.threshold("size_bytes", SIZE_BYTES, unit="byte")
    if token.size_bytes > size.value:
        yield Finding(
            state=State.WARN,
            code="token.large",
            message=f"the token has {token.size_bytes} bytes, more than {size.value:g}; headers hold about 8000",
            measured={"size": Measurement(token.size_bytes, "byte")},
            threshold=size,
            citations=cited,
        )


def _well_formed(token: ReadToken, cited: tuple[Citation, ...]) -> Finding:
    return Finding(
        state=State.PASS,
        code="token.well_formed",
        message=f"the token is a JWT signed with {token.algorithm} and has the claims that it needs",
        measured={"size": Measurement(token.size_bytes, "byte"), "claims": Measurement(len(token.claims))},
        citations=cited,
    )

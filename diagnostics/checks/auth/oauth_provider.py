"""AUT-08: the provider that [oauth] names describes itself, publishes its keys, and a fresh token is one of its own.

Discovery document: fail `oauth.unreachable`, redirected (nothing is followed), failed (another status than 200),
invalid, `oauth.issuer_differs` (it must be the configured one to the letter, or for a discovery_url alone what that
begins with). Keys: fail `oauth.keys_unreachable`, keys_redirected, keys_failed, keys_invalid; warn
`oauth.keys_foreign_host` (they lie on a host that the stack does not name: nothing is fetched from there). The token
that the login of this run gave: fail `oauth.key_unknown` (its key is not published), `oauth.signature_invalid`,
`oauth.token_issuer_differs`, `oauth.audience_differs` (without the client_id); skip `oauth.not_the_providers` for one
signed with a shared secret, `oauth.no_token`. Clock: `oauth.clock_skewed`, warn from 2 s, fail from 5 s
(check_postgres, timesync; thresholds clock_warn_seconds, clock_fail_seconds). The login's cookies: warn
`oauth.cookie_missing`, `oauth.cookie_flags` (without what the stack wants of it; Secure and HttpOnly by default), and
`oauth.session_long` where cookie or token live longer than `session_seconds`. Evidence holds digests, key ids and
times, never token or cookie.
Sources: OpenID Connect Discovery 1.0 section 4.3, RFC 8414, RFC 7517, RFC 6265.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from diagnostics.checks.auth_session import session_findings
from diagnostics.checks.base import Check
from diagnostics.checks.fresh_token import TOKEN
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.clocks import date_reading
from diagnostics.probes.oauth import (
    ALGORITHMS,
    WELL_KNOWN,
    Fetched,
    Key,
    ProviderFailure,
    discovery_url,
    fetch,
    is_signed_by,
    keys_of,
)
from diagnostics.probes.tokens import ReadToken, TokenUnreadable, read_token
from diagnostics.stack import OAuth, StackConfig

FETCH_SECONDS = 4.0
CLOCK_SECONDS = {"warn": 2.0, "fail": 5.0}
MAX_IDS = 20


@dataclass(frozen=True, kw_only=True)
class OAuthProvider(Check):
    """The provider, the fresh token and the session that a login gives."""

    slug: ClassVar[str] = "auth.oauth_provider"
    title: ClassVar[str] = "The provider of tokens answers, and fresh tokens are its own"
    suites: ClassVar[frozenset[str]] = frozenset({"auth"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns",)
    after: ClassVar[tuple[str, ...]] = ("auth.login_probe",)
    deadline_seconds: ClassVar[float] = 12.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a provider is described."""
        return None if stack.oauth else "the stack describes no [oauth]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Fetch document and keys, then judge the token, the clock and the session."""
        oauth = seeing.stack.oauth
        assert oauth is not None
        try:
            document = _fetch(seeing, oauth, discovery_url(oauth))
        except ProviderFailure as failure:
            yield _failed(seeing, f"oauth.{failure.code}", discovery_url(oauth), failure.text)
        else:
            yield _described(seeing, oauth, document)
            yield from _clock(seeing, document)
            yield from _keys_and_token(seeing, oauth, document)
        yield from session_findings(seeing, oauth)


def _fetch(seeing: Seeing, oauth: OAuth, url: str) -> Fetched:
    files = seeing.stack.tls[oauth.tls] if oauth.tls else None
    return fetch(url, oauth, files, seconds=seeing.seconds_left(at_most=FETCH_SECONDS))


def _failed(seeing: Seeing, code: str, target: str, text: str, *, state: State = State.FAIL) -> Finding:
    evidence = seeing.keep("command", source=f"GET {target}", content=[text])
    message = seeing.clean(text)
    return Finding(state=state, code=code, message=message, target=target, citations=(evidence.whole(),), blocks=False)


def _described(seeing: Seeing, oauth: OAuth, document: Fetched) -> Finding:
    """Judge what the provider says of itself."""
    issuer = _text(document.document.get("issuer"))
    lines = [f"HTTP 200, {len(document.answer.body)} bytes", f"sha256: {_digest(document)}", f"issuer: {issuer}"]
    lines += [f"{name}: {_text(document.document[name])}" for name in ("jwks_uri",) if name in document.document]
    evidence = seeing.keep("command", source=f"GET {document.url}", content=lines)
    expected = oauth.issuer or document.url.removesuffix(WELL_KNOWN)
    is_right = issuer == expected
    said = f"describes itself as {issuer}" if is_right else f"says that its issuer is {issuer!r}, not {expected!r}"
    return Finding(
        state=State.PASS if is_right else State.FAIL,
        code="oauth.described" if is_right else "oauth.issuer_differs",
        message=seeing.clean(f"{document.url} {said}"),
        target=document.url,
        measured={
            "document_sha256": Measurement(_digest(document)),
            "total": Measurement(document.answer.phases.get("total"), "ms"),
        },
        citations=(evidence.whole(),),
        blocks=False,
    )


def _digest(document: Fetched) -> str:
    return hashlib.sha256(document.answer.body).hexdigest()


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _clock(seeing: Seeing, document: Fetched) -> Iterator[Finding]:
    read = date_reading(document.answer, answered_at=document.answered_at)
    if read is None:
        return
    for state in (State.FAIL, State.WARN):
        name, reference = f"clock_{state}_seconds", "check_postgres, timesync"
        limit = seeing.threshold(name, CLOCK_SECONDS[state], unit="s", reference=reference)
        if read.certain_seconds >= limit.value:
            text = f"the provider's clock is {read.ahead_seconds:+.1f} s beside ours (+- {read.error_seconds:.2f} s)"
            evidence = seeing.keep("timing", source=f"Date of {document.url}", content=[text])
            yield Finding(
                state=state,
                code="oauth.clock_skewed",
                message=text,
                target=document.url,
                measured={"ahead": Measurement(read.ahead_seconds, "s")},
                threshold=limit,
                citations=(evidence.whole(),),
                blocks=False,
            )
            return


def _keys_and_token(seeing: Seeing, oauth: OAuth, document: Fetched) -> Iterator[Finding]:
    url = _text(document.document.get("jwks_uri"))
    try:
        fetched = _fetch(seeing, oauth, url)
        keys = keys_of(fetched.document)
    except ProviderFailure as failure:
        is_elsewhere = failure.code == "foreign_host"
        text = f"its keys: {failure.text}" + ("; name it in [oauth] hosts if it is right" if is_elsewhere else "")
        state = State.WARN if is_elsewhere else State.FAIL
        yield _failed(seeing, f"oauth.keys_{failure.code}", url or document.url, text, state=state)
        return
    lines = [f"sha256: {_digest(fetched)}", *(f"key {one.id or '(no id)'}: {one.algorithm}" for one in keys[:MAX_IDS])]
    evidence = seeing.keep("command", source=f"GET {url}", content=lines)
    yield Finding(
        state=State.PASS,
        code="oauth.keys_published",
        message=f"{len(keys)} key(s) are published",
        target=url,
        measured={"keys": Measurement(len(keys)), "keys_sha256": Measurement(_digest(fetched))},
        citations=(evidence.whole(),),
    )
    yield _token(seeing, oauth, keys, expected=_text(document.document.get("issuer")), cited=evidence.whole())


def _token(seeing: Seeing, oauth: OAuth, keys: list[Key], *, expected: str, cited: Citation) -> Finding:
    """Judge the fresh token against the published keys."""
    if TOKEN not in seeing.handed:
        text = "there is no fresh token to look at: no login of this run gave one"
        return Finding(state=State.SKIP, code="oauth.no_token", message=text)
    token = seeing.handed_over(TOKEN)
    try:
        read = read_token(token)
    except TokenUnreadable as unreadable:  # the finding of auth.token_structure; opaque tokens are no mistake
        return Finding(state=State.SKIP, code="oauth.not_the_providers", message=unreadable.text)
    if read.algorithm not in ALGORITHMS:
        text = f"the login's token is signed by {read.algorithm or 'nothing'}, not by a key of the provider"
        return Finding(state=State.SKIP, code="oauth.not_the_providers", message=text)
    code, text = _token_verdict(oauth, keys, token, read, expected=expected)
    return Finding(
        state=State.PASS if code == "token_verified" else State.FAIL,
        code=f"oauth.{code}",
        message=seeing.clean(text),
        measured={"algorithm": Measurement(read.algorithm), "key_id": Measurement(_text(read.header.get("kid")))},
        citations=(cited,),
        next_checks=("auth.token_signature",) if code in {"key_unknown", "signature_invalid"} else (),
        blocks=False,
    )


def _token_verdict(oauth: OAuth, keys: list[Key], token: str, read: ReadToken, *, expected: str) -> tuple[str, str]:
    key_id, issuer = _text(read.header.get("kid")), read.claims.get("iss")
    fitting = [one for one in keys if not key_id or one.id == key_id]
    if not fitting:
        known = ", ".join(one.id for one in keys[:MAX_IDS])
        return "key_unknown", f"the fresh token is signed with the key {key_id}, and published are {known}"
    if not any(is_signed_by(token, one, algorithm=read.algorithm) for one in fitting):
        return "signature_invalid", f"no published key verifies the fresh token (its key id: {key_id or 'none'})"
    if issuer != expected:
        return "token_issuer_differs", f"the fresh token says another issuer than the provider, {expected}"
    if oauth.client_id and oauth.client_id not in _audience(read):
        return "audience_differs", f"the fresh token is not for {oauth.client_id}"
    return "token_verified", f"the fresh token is signed with the published key {key_id or '(no id)'}"


def _audience(read: ReadToken) -> set[str]:
    """Give whom a token is for: aud, or azp or client_id for an access token (RFC 9068)."""
    audience = read.claims.get("aud")
    named = [*(audience if isinstance(audience, list) else [audience]), read.claims.get("azp")]
    return {one for one in [*named, read.claims.get("client_id")] if isinstance(one, str)}

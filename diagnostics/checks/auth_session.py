"""Part of auth.oauth_provider: the cookies that the login of a run set, and how long its session may live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagnostics.checks.fresh_token import COOKIES, TOKEN
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.cookies import Cookie, cookies_from_json
from diagnostics.probes.tokens import TokenUnreadable, read_token
from diagnostics.stack import OAuth, SessionCookie


def session_findings(seeing: Seeing, oauth: OAuth) -> Iterator[Finding]:
    """Judge cookies and lifetimes, as far as the stack says what they should be and a login was made."""
    if COOKIES not in seeing.handed:
        return
    cookies = cookies_from_json(seeing.handed_over(COOKIES))
    lifetime = _token_lifetime(seeing)
    lines = [*map(str, cookies), *([f"the token lives {lifetime:.0f} s"] if lifetime is not None else [])]
    cited = seeing.keep("command", source="the session that the login gave", content=lines or ["no cookie"]).whole()
    yield from (_judged(cookies, wanted, cited) for wanted in oauth.cookies)
    yield from _lifetimes(cookies, oauth, lifetime, cited)


def _token_lifetime(seeing: Seeing) -> float | None:
    if TOKEN not in seeing.handed:
        return None
    try:
        token = read_token(seeing.handed_over(TOKEN))
    except TokenUnreadable:
        return None
    began, ends = token.time("iat"), token.time("exp")
    return None if began is None or ends is None else ends - began


def _judged(cookies: Sequence[Cookie], wanted: SessionCookie, cited: Citation) -> Finding:
    # A browser keeps the last of several cookies with one name.
    its = next((one for one in reversed(cookies) if one.name == wanted.name), None)
    state, code, said = State.PASS, "oauth.cookie_fits", "has the flags that the stack wants"
    if its is None:
        state, code, said = State.WARN, "oauth.cookie_missing", "was not set by the login"
    elif lacking := _lacking(its, wanted):
        state, code, said = State.WARN, "oauth.cookie_flags", f"is set without {', '.join(lacking)}"
    return Finding(
        state=state,
        code=code,
        message=f"the cookie {wanted.name} {said}",
        target=wanted.name,
        citations=(cited,),
    )


def _lacking(its: Cookie, wanted: SessionCookie) -> list[str]:
    lacking = ["Secure"] if wanted.secure and not its.secure else []
    lacking += ["HttpOnly"] if wanted.http_only and not its.http_only else []
    if wanted.same_site and its.same_site != wanted.same_site:
        lacking.append(f"SameSite={wanted.same_site} (it says {its.same_site or 'nothing'})")
    return lacking


def _lifetimes(
    cookies: Sequence[Cookie], oauth: OAuth, token_lifetime: float | None, cited: Citation
) -> Iterator[Finding]:
    if oauth.session_seconds is None:
        return
    limit = Threshold("session_seconds", oauth.session_seconds, "s", "config")
    names = {one.name for one in oauth.cookies}
    found = [(f"the cookie {one.name}", one.lifetime_seconds) for one in cookies if one.name in names]
    for name, seconds in [*found, ("the token", token_lifetime)]:
        if seconds is not None and seconds > limit.value:
            yield Finding(
                state=State.WARN,
                code="oauth.session_long",
                message=f"{name} lives {seconds:.0f} s, and the stack allows {limit.value:.0f} s",
                target=name,
                measured={"lifetime": Measurement(round(seconds), "s")},
                threshold=limit,
                citations=(cited,),
            )

"""AUT-05: log in with the stack's low-privilege account, then use the fresh token for one protected GET.

Pass: `login.accepted` (a token, and the protected path answers 2xx). Fail, each with its own code:
`login.credentials_refused` (401), `login.forbidden` (403), `login.not_found` (404, 405), `login.input_refused` (400,
422), `login.locked` (423), `login.rate_limited` (429), `login.server_error` (5xx), `login.unexpected` (any other
status), `login.no_token` (2xx without the token), `login.no_answer`; and after a good login `login.token_rejected` (401
or 403: look at auth.token_signature) or `login.protected_failed` (any other status that is no 2xx).
Skip: `login.recently_refused`, where the last look was refused less than 5 min ago [ours, threshold
`refused_seconds`]: one refusal per 5 min cannot lock an account, and a good login resets the counter.
The answer's body is not kept after a good login; password and token go nowhere but to the stack, and the token, when it
was given, and the cookies' names and attributes to those checks of the same run that come after.
What the guide writes, `curl -k ... /auth/login`, cannot work with mutual TLS: the server demands a client certificate,
which `--cert` and `--key` give (docs/how-to.md).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from diagnostics.checks.answers import answer_lines, phase_lines
from diagnostics.checks.base import Check
from diagnostics.checks.fresh_token import COOKIES, TOKEN, TOKEN_TIMES
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.cookies import cookies_as_json, set_cookies
from diagnostics.probes.http import Answer, RequestFailure, request
from diagnostics.stack import Endpoint, Login, StackConfig

LOGIN_SECONDS = 8.0
PROTECTED_SECONDS = 4.0
REFUSED_SECONDS = 300.0
REFUSALS = ("login.credentials_refused", "login.forbidden", "login.locked", "login.rate_limited")
AFTER_LOGIN = ("login.token_rejected", "login.protected_failed")  # the token is there, and its checks may say why
BY_STATUS = {
    400: ("login.input_refused", "the application does not take the form of the request"),
    401: ("login.credentials_refused", "the user name or the password is wrong"),
    403: ("login.forbidden", "the account may not log in"),
    404: ("login.not_found", "there is no such path"),
    405: ("login.not_found", "the path takes no POST"),
    422: ("login.input_refused", "the application does not take the form of the request"),
    423: ("login.locked", "the account is locked"),
    429: ("login.rate_limited", "too many logins were tried"),
}


@dataclass(frozen=True, kw_only=True)
class LoginProbe(Check):
    """The login and the protected path that [login] names."""

    slug: ClassVar[str] = "auth.login_probe"
    title: ClassVar[str] = "A login works and its token is accepted"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "auth"})
    requires: ClassVar[tuple[str, ...]] = ("auth.health_endpoint",)
    deadline_seconds: ClassVar[float] = 14.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a login is described."""
        return None if stack.login else "the stack describes no [login]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Log in once, unless that was refused a moment ago."""
        login = seeing.stack.login
        assert login is not None
        endpoint = seeing.stack.endpoints[login.endpoint]
        yield _held_back(seeing, login) or _log_in(seeing, login, endpoint)


def _held_back(seeing: Seeing, login: Login) -> Finding | None:
    earlier = seeing.earlier
    if earlier is None or earlier.code not in REFUSALS:
        return None
    limit = seeing.threshold("refused_seconds", REFUSED_SECONDS, unit="s")
    ago = abs((seeing.now() - earlier.at).total_seconds())
    if ago >= limit.value:
        return None
    return Finding(
        state=State.SKIP,
        code="login.recently_refused",
        message=f"not tried: {login.username} was refused {ago:.0f} s ago ({earlier.code}), and one refusal in "
        f"{limit.value:g} s is enough, so that the account is not locked",
        target=login.username,
        measured={"since_refusal": Measurement(round(ago), "s")},
        threshold=limit,
    )


def _log_in(seeing: Seeing, login: Login, endpoint: Endpoint) -> Finding:
    target = f"{endpoint.url}{login.path}"
    body = {"username": login.username, "password": seeing.secret(login.password)}
    asked_at = time.time()
    try:
        answer = _request(seeing, endpoint, "POST", login.path, seconds=LOGIN_SECONDS, json=body)
    except RequestFailure as failure:
        return _no_answer(seeing, target, "login.no_answer", failure)
    answered_at = time.time()
    token = _token(answer, login.token_field) if 200 <= answer.status < 300 else ""
    evidence = seeing.keep(
        "command", source=f"POST {target}", content=answer_lines(answer, shows_body=answer.status >= 300)
    )
    if not 200 <= answer.status < 300:
        return _refused(seeing, login, target, answer, evidence)
    seeing.hand_over(COOKIES, cookies_as_json(set_cookies(answer.headers.get("set-cookie", ""), at=answered_at)))
    if not token:
        message = f"{login.path} answered {answer.status} without a text in its field {login.token_field}"
        return _fail("login.no_token", message, target, answer, evidence)
    seeing.hand_over(TOKEN, token)
    seeing.hand_over(TOKEN_TIMES, f"{asked_at:.3f} {answered_at:.3f}")
    return _use(seeing, login, endpoint, token, logged_in=(answer, evidence))


def _request(seeing: Seeing, endpoint: Endpoint, method: str, path: str, *, seconds: float, **more: Any) -> Answer:
    files = seeing.stack.tls[endpoint.tls] if endpoint.tls else None
    total_seconds = seeing.seconds_left(at_most=seconds)
    return request(endpoint, files, method, path, total_seconds=total_seconds, **more)


def _token(answer: Answer, field: str) -> str:
    """Give the text in a field of the answer's JSON, `a.b` also for a field in an object; "" where there is none."""
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    for name in [field] if isinstance(parsed, dict) and field in parsed else field.split("."):
        parsed = parsed.get(name) if isinstance(parsed, dict) else None
    return parsed.strip() if isinstance(parsed, str) else ""


def _refused(seeing: Seeing, login: Login, target: str, answer: Answer, evidence: Evidence) -> Finding:
    default = ("login.server_error", "the application failed") if answer.status >= 500 else ("login.unexpected", "")
    code, reason = BY_STATUS.get(answer.status, default)
    message = f"{login.path} answered {answer.status} to {login.username}" + (f": {reason}" if reason else "")
    return _fail(code, message, target, answer, evidence)


def _use(
    seeing: Seeing, login: Login, endpoint: Endpoint, token: str, *, logged_in: tuple[Answer, Evidence]
) -> Finding:
    target = f"{endpoint.url}{login.protected_path}"
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = _request(seeing, endpoint, "GET", login.protected_path, seconds=PROTECTED_SECONDS, headers=headers)
    except RequestFailure as failure:
        return _no_answer(seeing, target, "login.protected_failed", failure)
    is_accepted = 200 <= answer.status < 300
    lines = answer_lines(answer, shows_body=not is_accepted)
    evidence = seeing.keep("command", source=f"GET {target} with the fresh token", content=lines)
    if is_accepted:
        return _accepted(login, target, logged_in, (answer, evidence))
    said = f"{login.path} gave {login.username} a token, but {login.protected_path} answered {answer.status} to it"
    if answer.status in (401, 403):
        return _fail("login.token_rejected", said, target, answer, evidence, next_checks=_TOKEN_CHECKS)
    return _fail("login.protected_failed", said, target, answer, evidence)


_TOKEN_CHECKS = ("auth.token_signature", "auth.token_lifetime")


def _accepted(login: Login, target: str, first: tuple[Answer, Evidence], second: tuple[Answer, Evidence]) -> Finding:
    milliseconds = first[0].phases.get("total", 0.0), second[0].phases.get("total", 0.0)
    return Finding(
        state=State.PASS,
        code="login.accepted",
        message=f"{login.username} logged in in {milliseconds[0]:g} ms, and {login.protected_path} took the token",
        target=target,
        measured={"login": Measurement(milliseconds[0], "ms"), "protected": Measurement(milliseconds[1], "ms")},
        citations=(first[1].lines(1), second[1].lines(1)),
    )


def _fail(
    code: str, message: str, target: str, answer: Answer, evidence: Evidence, *, next_checks: tuple[str, ...] = ()
) -> Finding:
    return Finding(
        state=State.FAIL,
        code=code,
        message=message,
        target=target,
        measured={"status": Measurement(answer.status), "total": Measurement(answer.phases.get("total"), "ms")},
        citations=(evidence.whole(),),
        next_checks=next_checks,
        blocks=code not in AFTER_LOGIN,
    )


def _no_answer(seeing: Seeing, target: str, code: str, failure: RequestFailure) -> Finding:
    lines = [f"{failure.code}: {failure.text}", f"phase reached: {failure.phase}", *phase_lines(failure.phases)]
    evidence = seeing.keep("timing", source=target, content=lines)
    return Finding(
        state=State.FAIL,
        code=code,
        message=seeing.clean(f"no answer: {failure.text}"),
        target=target,
        measured={"reason": Measurement(failure.code), "total": Measurement(failure.phases.get("total"), "ms")},
        citations=(evidence.whole(),),
        next_checks=("network.http_timing",),
        blocks=code not in AFTER_LOGIN,
    )

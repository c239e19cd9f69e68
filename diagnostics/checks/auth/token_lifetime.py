"""AUT-04: the fresh token's exp, nbf and iat against our clock and against the application's own `Date` header.

Fail: `token.expired` although it is fresh, `token.not_yet_valid` (nbf or iat ahead by more than the leeway, by the
application's own clock), `token.short_lived` (it lives less than 60 s [ours], threshold `min_seconds`: a person cannot
work with it). Warn: `token.nearly_expired` (less than 10 % of its life left), `token.clock_differs` (valid by the
application's clock and not by ours: ours is the wrong one, or workers on this host will refuse it). Pass:
`token.timely`. Skip: `token.none` and `token.no_times`. Leeway: the stack's `leeway_seconds`, 0 as in PyJWT; a
`Date` header has whole seconds, so one more second is allowed where it is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.fresh_token import TOKEN, no_token
from diagnostics.checks.result import Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.http import RequestFailure, request
from diagnostics.probes.tokens import TIMES, ReadToken, TokenUnreadable, in_utc, read_token
from diagnostics.stack import StackConfig

MIN_SECONDS = 60.0
LEFT_PERCENT = 10.0
DATE_SECONDS = 4.0
DATE_RESOLUTION_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Our time and the application's, epoch seconds at one moment; None where it gives no Date header."""

    ours: float
    theirs: float | None

    @property
    def deciding(self) -> float:
        """Give the time that the application itself would judge by, as far as it is known."""
        return self.ours if self.theirs is None else self.theirs

    @property
    def skew_seconds(self) -> float | None:
        """Give how far the application's clock is ahead of ours."""
        return None if self.theirs is None else self.theirs - self.ours


@dataclass(frozen=True, kw_only=True)
class TokenLifetime(Check):
    """The times in the token that the login of this run gave."""

    slug: ClassVar[str] = "auth.token_lifetime"
    title: ClassVar[str] = "Fresh tokens are valid now and for long enough"
    suites: ClassVar[frozenset[str]] = frozenset({"auth"})
    requires: ClassVar[tuple[str, ...]] = ("auth.token_structure",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where tokens and a login that gives one are described."""
        if stack.tokens is None:
            return "the stack describes no [tokens]"
        return None if stack.login else "the stack describes no [login], so there is no token to look at"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask the application for its time, then compare."""
        if finding := no_token(seeing):
            yield finding
            return
        try:
            token = read_token(seeing.handed_over(TOKEN))
        except TokenUnreadable as unreadable:
            raise CouldNotLook(unreadable.text, code=unreadable.code) from None
        yield _judged(seeing, token, _clocks(seeing))


def _clocks(seeing: Seeing) -> Clocks:
    """Read the application's Date by one GET; without an answer our own clock decides."""
    login = seeing.stack.login
    assert login is not None
    endpoint = seeing.stack.endpoints[login.endpoint]
    files = seeing.stack.tls[endpoint.tls] if endpoint.tls else None
    seconds = seeing.seconds_left(at_most=DATE_SECONDS)
    try:
        answer = request(endpoint, files, "GET", endpoint.health_path, total_seconds=seconds)
        theirs = _epoch(parsedate_to_datetime(answer.headers.get("date", "").split("\n")[0]))
    except (RequestFailure, ValueError, TypeError):
        theirs = None
    return Clocks(seeing.now().timestamp(), theirs)


def _epoch(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _judged(seeing: Seeing, token: ReadToken, clocks: Clocks) -> Finding:
    assert seeing.stack.tokens is not None
    leeway = float(seeing.stack.tokens.leeway_seconds)
    times = {claim: at for claim in TIMES if (at := token.time(claim)) is not None}
    evidence = seeing.keep("command", source="the fresh token's times", content=_lines(times, clocks))
    min_life = seeing.threshold("min_seconds", MIN_SECONDS, unit="s")
    state, code, message = _verdict(seeing, times, clocks, leeway=leeway, min_life=min_life)
    measured = {
        "left": Measurement(_left(times, clocks.ours), "s"),
        "lifetime": Measurement(_lifetime(times), "s"),
        "clock_skew": Measurement(clocks.skew_seconds, "s"),
    }
    return Finding(
        state=state,
        code=code,
        message=message,
        measured=measured,
        threshold=min_life if code == "token.short_lived" else None,
        citations=(evidence.whole(),),
    )


def _lines(times: dict[str, float], clocks: Clocks) -> list[str]:
    lines = [f"{claim}: {in_utc(at)}" for claim, at in times.items()]
    theirs = "no Date header" if clocks.theirs is None else in_utc(clocks.theirs)
    return [*lines, f"our clock: {in_utc(clocks.ours)}", f"the application's clock: {theirs}"]


def _verdict(
    seeing: Seeing, times: dict[str, float], clocks: Clocks, *, leeway: float, min_life: Threshold
) -> tuple[State, str, str]:
    if not times:
        return State.SKIP, "token.no_times", "the token has neither exp nor nbf nor iat"
    slack = leeway + (DATE_RESOLUTION_SECONDS if clocks.theirs is not None else 0.0)
    ahead = max((at for claim, at in times.items() if claim != "exp"), default=0.0) - clocks.deciding
    life, left = _lifetime(times), _left(times, clocks.deciding)
    if life is not None and life < min_life.value:
        return (
            State.FAIL,
            "token.short_lived",
            f"the token lives {life:g} s only (at least {min_life.value:g} s expected)",
        )
    if left is not None and left <= -slack:
        return State.FAIL, "token.expired", f"the fresh token expired {-left:.0f} s ago by the application's own clock"
    if ahead > slack:
        return State.FAIL, "token.not_yet_valid", f"the fresh token is valid only in {ahead:.0f} s"
    ours = _left(times, clocks.ours)
    ahead_of_ours = max((at for claim, at in times.items() if claim != "exp"), default=0.0) - clocks.ours
    if (ours is not None and ours <= -leeway) or ahead_of_ours > leeway + DATE_RESOLUTION_SECONDS:
        skew = clocks.skew_seconds or 0.0
        return State.WARN, "token.clock_differs", f"the token is not valid by our clock, which is {-skew:+.0f} s off"
    percent = seeing.threshold("left_percent", LEFT_PERCENT, unit="%")
    if life and left is not None and left < life * percent.value / 100:
        return State.WARN, "token.nearly_expired", f"the fresh token has {left:.0f} s of its {life:.0f} s left"
    return State.PASS, "token.timely", "the token is valid now" + (f" and for {left:.0f} s more" if left else "")


def _lifetime(times: dict[str, float]) -> float | None:
    began = times.get("iat", times.get("nbf"))
    return times["exp"] - began if "exp" in times and began is not None else None


def _left(times: dict[str, float], at: float) -> float | None:
    return times["exp"] - at if "exp" in times else None

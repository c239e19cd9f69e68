"""AUT-06: our clock beside those of the stack: each endpoint's `Date`, each PostgreSQL server's clock_timestamp(), and
the `iat` of the token that the login of this run gave.

Pass: `clock.agrees`. Warn: `clock.skewed` from 2 s, fail from 5 s (check_postgres, timesync), ahead or behind; the
message says how far off the answer itself may be. Half of a round trip is taken off before judging, so that a slow
answer is no skew; a clock that shows whole seconds is read as the middle of its second. Where the clocks of two or more
services agree with each other and not with ours, the message says that ours is likely the wrong one (and
`ours_is_wrong` is measured, so that it is one cause and not one a service). Skip: `clock.not_read`, where a clock gave
no answer (the finding of other checks; one that was silent when it was asked for its health is not asked again) or
shows none (no Date header, no iat). Tokens of a skewed
clock are refused elsewhere as expired or not yet valid; certificates, too. `thresholds`: warn_seconds, fail_seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import psycopg

from diagnostics.checks.base import Check
from diagnostics.checks.containers import silent_key
from diagnostics.checks.fresh_token import TOKEN, TOKEN_TIMES
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import opened, rows, server_name, servers
from diagnostics.probes.clocks import WHOLE_SECOND, Reading, date_reading, reading
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.http import RequestFailure, request
from diagnostics.probes.postgres import ConnectFailure
from diagnostics.probes.tokens import TokenUnreadable, in_utc, read_token
from diagnostics.stack import Database, Endpoint, SecretUnavailable, StackConfig

WARN_SECONDS, FAIL_SECONDS = 2.0, 5.0
ANSWER_SECONDS = 4.0
AT_ONCE = 16
REFERENCE = "check_postgres, timesync"
OURS_IS_WRONG = "ours_is_wrong"


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock as read; without a reading, `reason` says why."""

    name: str
    service: str  # whose it is
    reading: Reading | None
    reason: str = ""

    def __str__(self) -> str:
        """Give one line for evidence."""
        if self.reading is None:
            return f"{self.name}: not read: {self.reason}"
        its = self.reading
        return f"{self.name}: {in_utc(its.theirs)}, {its.ahead_seconds:+.3f} s beside ours (+- {its.error_seconds:.3f})"


@dataclass(frozen=True, kw_only=True)
class ClockSkew(Check):
    """Every clock of the stack that can be read without asking much."""

    slug: ClassVar[str] = "auth.clock_skew"
    title: ClassVar[str] = "The clocks of the stack agree with each other and with ours"
    suites: ClassVar[frozenset[str]] = frozenset({"auth"})
    after: ClassVar[tuple[str, ...]] = ("auth.login_probe", "database.postgres_direct")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where there is a clock to read."""
        return None if stack.endpoints or stack.databases else "the stack describes no endpoint and no database"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read all clocks at once, then judge each."""
        readers: list[Callable[[], Clock]] = [
            *(partial(_of_endpoint, seeing, one) for one in seeing.stack.endpoints.values()),
            *(partial(_of_database, seeing, one) for one in servers(seeing.stack)),
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            clocks = [*pool.map(lambda read: read(), readers), *_of_token(seeing)]
        lines = [f"ours: {in_utc(seeing.now().timestamp())}", *map(str, clocks)]
        evidence = seeing.keep("timing", source="clocks of the stack", content=lines)
        ours = _blame_ours(seeing, clocks)
        for line, clock in enumerate(clocks, start=2):
            yield _judged(seeing, clock, evidence.lines(1, line), ours)


def _of_endpoint(seeing: Seeing, endpoint: Endpoint) -> Clock:
    name = f"Date of {endpoint.url}"
    if silent := seeing.handed.get(silent_key(endpoint.name)):
        return Clock(name, endpoint.service, None, silent)  # another wait would tell nothing new
    files = seeing.stack.tls[endpoint.tls] if endpoint.tls else None
    seconds = seeing.seconds_left(at_most=ANSWER_SECONDS)
    try:
        answer = request(endpoint, files, "GET", endpoint.health_path, total_seconds=seconds)
    except (RequestFailure, CouldNotLook) as failure:
        return Clock(name, endpoint.service, None, str(failure))
    read = date_reading(answer, answered_at=time.time())
    return Clock(name, endpoint.service, read, "" if read else "the answer has no Date header that can be read")


def _of_database(seeing: Seeing, database: Database) -> Clock:
    name = f"clock_timestamp() of {server_name(database)}"
    try:
        with opened(seeing, database) as connection:
            asked_at = time.time()
            (row,) = rows(connection, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
            answered_at = time.time()
    except (ConnectFailure, CouldNotLook, SecretUnavailable, psycopg.Error) as failure:
        return Clock(name, database.service, None, seeing.clean(str(failure)))
    return Clock(name, database.service, reading(float(row["now"]), asked_at=asked_at, answered_at=answered_at))


def _of_token(seeing: Seeing) -> Iterator[Clock]:
    """Read the iat of the fresh token, which was given between two moments of ours."""
    login = seeing.stack.login
    if login is None or TOKEN not in seeing.handed or TOKEN_TIMES not in seeing.handed:
        return
    service, name = seeing.stack.endpoints[login.endpoint].service, "iat of the fresh token"
    try:
        issued_at = read_token(seeing.handed_over(TOKEN)).time("iat")
    except TokenUnreadable as unreadable:  # the finding of auth.token_structure
        yield Clock(name, service, None, unreadable.text)
        return
    if issued_at is None:
        yield Clock(name, service, None, "the token has no iat")
        return
    asked_at, answered_at = map(float, seeing.handed_over(TOKEN_TIMES).split())
    resolution = WHOLE_SECOND if issued_at.is_integer() else 0.0
    read = reading(issued_at, asked_at=asked_at, answered_at=answered_at, resolution_seconds=resolution)
    yield Clock(name, service, read)


def _blame_ours(seeing: Seeing, clocks: Sequence[Clock]) -> str:
    """Say that ours is likely the wrong one, where several services agree with each other and not with us."""
    warn = seeing.threshold("warn_seconds", WARN_SECONDS, unit="s", reference=REFERENCE).value
    read = [(clock.service, clock.reading) for clock in clocks if clock.reading]
    ahead = [its.ahead_seconds for _, its in read]
    services = {service for service, _ in read}
    if len(services) < 2 or max(ahead) - min(ahead) >= warn or min(its.certain_seconds for _, its in read) < warn:
        return ""
    return f"; the clocks of {', '.join(sorted(services))} agree with each other, so ours is likely the wrong one"


def _judged(seeing: Seeing, clock: Clock, cited: Citation, ours: str) -> Finding:
    its = clock.reading
    if its is None:
        text = f"{clock.name} was not read: {clock.reason}"
        return Finding(state=State.SKIP, code="clock.not_read", message=text, target=clock.name, citations=(cited,))
    warn = seeing.threshold("warn_seconds", WARN_SECONDS, unit="s", reference=REFERENCE)
    fail = seeing.threshold("fail_seconds", FAIL_SECONDS, unit="s", reference=REFERENCE)
    state = next(
        (state for state, limit in ((State.FAIL, fail), (State.WARN, warn)) if its.certain_seconds >= limit.value),
        State.PASS,
    )
    side = "ahead of" if its.ahead_seconds > 0 else "behind"
    said = (
        f"{clock.name} ({clock.service}) is {abs(its.ahead_seconds):.1f} s {side} ours (+- {its.error_seconds:.2f} s)"
    )
    is_blamed_on_us = bool(ours) and state is not State.PASS
    return Finding(
        state=state,
        code="clock.agrees" if state is State.PASS else "clock.skewed",
        message=said + (ours if is_blamed_on_us else ""),
        target=clock.name,
        measured={
            "ahead": Measurement(its.ahead_seconds, "s"),
            "round_trip_error": Measurement(its.error_seconds, "s"),
            **({OURS_IS_WRONG: Measurement(True)} if is_blamed_on_us else {}),
        },
        threshold=fail if state is State.FAIL else warn,
        citations=(cited,),
        blocks=False,
    )

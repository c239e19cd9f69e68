"""Answers of an endpoint that is asked several times, and of the requests in the access log behind it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diagnostics.checks.result import Citation
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.access_log import Request, read_requests
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.http import RequestFailure, request
from diagnostics.stack import Endpoint, Service, StackConfig

TIMES = 10
GIVE_UP_AFTER = 3
MAX_BODY_BYTES = 100_000
MAX_LOG_BYTES = 2_000_000
NOW_SECONDS = 60.0
BUCKETS_MS = (10, 30, 100, 300, 1000, 3000, 10_000)
SHOWN_SLOWEST, SHOWN_ERRORS = 5, 20
TIMEOUTS = {"http.timeout", "http.dns_timeout"}


@dataclass(slots=True)
class Answered:
    """What the requests of one look gave."""

    asked: int = 0
    milliseconds: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    statuses: Counter[bool] = field(default_factory=Counter)  # by whether the server failed it
    timeouts: int = 0
    last_failure: str = ""

    @property
    def unsteady(self) -> int:
        """Count what went otherwise than the rest: failures and 5xx, where others were answered well."""
        return self.asked - self.statuses[False] if self.statuses[False] else 0


def ask_again(seeing: Seeing, endpoint: Endpoint, seconds: float) -> Answered:
    """Ask for the health path again and again; where nothing answers, give up early.

    Raises: NotPermitted, DeadlineReached.
    """
    answered = Answered()
    tls = seeing.stack.tls[endpoint.tls] if endpoint.tls else None
    while answered.asked < TIMES and (answered.milliseconds or answered.asked < GIVE_UP_AFTER):
        answered.asked += 1
        try:
            answer = request(
                endpoint,
                tls,
                "GET",
                endpoint.health_path,
                total_seconds=seeing.seconds_left(at_most=seconds),
                max_body_bytes=MAX_BODY_BYTES,
            )
        except RequestFailure as failure:
            answered.timeouts += failure.code in TIMEOUTS
            answered.last_failure = failure.text
            answered.lines.append(f"GET {answered.asked}: {failure.text}")
            continue
        total = answer.phases.get("total", 0.0)
        answered.milliseconds.append(total)
        answered.statuses[answer.status >= 500] += 1
        answered.lines.append(f"GET {answered.asked}: {answer.status} in {total:.1f} ms")
    return answered


def keep_answers(seeing: Seeing, endpoint: Endpoint, answered: Answered) -> Citation:
    """Keep a line per request."""
    source = f"GET {endpoint.url}{endpoint.health_path}, {answered.asked} times"
    return seeing.keep("timing", source=source, content=answered.lines).whole()


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Give the nearest-rank percentile, None of nothing."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(percent / 100 * len(values)), 1) - 1]


@dataclass(frozen=True, slots=True)
class LogOfRequests:
    """The requests in the log files of one service, but for those of the health path."""

    service: str
    minutes: float
    requests: tuple[Request, ...]

    @property
    def milliseconds(self) -> list[float]:
        """Give how long they took, as far as the log tells."""
        return [one.milliseconds for one in self.requests if one.milliseconds is not None]

    @property
    def server_errors(self) -> list[Request]:
        """Give those that ended with 5xx."""
        return [one for one in self.requests if one.is_server_error]

    @property
    def error_percent(self) -> float:
        """Give the share of 5xx."""
        return 100 * len(self.server_errors) / len(self.requests) if self.requests else 0.0

    def is_failing_now(self, now: datetime) -> bool:
        """Say whether the last error is of the last minute; of a log without times it may be."""
        last = self.server_errors[-1].at if self.server_errors else None
        return last is None or (now - last).total_seconds() <= NOW_SECONDS

    def keep(self, seeing: Seeing) -> Citation:
        """Keep the histogram, the slowest and the last that failed."""
        lines = [*_histogram(self.milliseconds)]
        slowest = sorted(self.requests, key=lambda one: -(one.milliseconds or 0.0))[:SHOWN_SLOWEST]
        lines += [f"slow, line {one.line_number}: {one.text}" for one in slowest if one.milliseconds]
        lines += [f"5xx, line {one.line_number}: {one.text}" for one in self.server_errors[-SHOWN_ERRORS:]]
        return seeing.keep("log_excerpt", source=f"access log of {self.service}", content=lines or ["no times"]).whole()


def read_logs(seeing: Seeing, *, minutes: float) -> list[LogOfRequests]:
    """Read the logs of every service behind an endpoint; what cannot be read is the finding of startup.logs."""
    paths = {one.health_path for one in seeing.stack.endpoints.values()}
    return [
        LogOfRequests(service.name, minutes, tuple(_requests(seeing, service, minutes, paths)))
        for service in _logging(seeing.stack)
    ]


def _logging(stack: StackConfig) -> list[Service]:
    behind = {one.service for one in stack.endpoints.values()}
    return [one for one in stack.services.values() if one.log_files and (one.name in behind or one.role == "proxy")]


def _requests(seeing: Seeing, service: Service, minutes: float, health_paths: set[str]) -> Iterator[Request]:
    since = seeing.now() - timedelta(minutes=minutes)
    for path in service.log_files:
        try:
            found = list(read_requests(path, since=since, max_bytes=MAX_LOG_BYTES))
        except (FileUnusable, NotPermitted):
            continue
        yield from (one for one in found if one.path.partition("?")[0] not in health_paths)


def _histogram(milliseconds: Sequence[float]) -> Iterator[str]:
    counted = Counter(next((limit for limit in BUCKETS_MS if value <= limit), 0) for value in milliseconds)
    for limit in (*BUCKETS_MS, 0):
        if counted[limit]:
            yield f"{'up to ' + str(limit) if limit else 'over ' + str(BUCKETS_MS[-1])} ms: {counted[limit]} requests"

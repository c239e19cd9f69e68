"""PRF-05: how fast each endpoint answers ten GETs of its health path, and how the requests in its access log fared.

The ten go one after the other, each over a connection of its own, with the client certificate. The access log is that
of the endpoint's own service and of every proxy, for the last 5 minutes [ours] and 2 MB; requests of the health path
itself do not count there, as what is broken is asked most often. Times are read where a line has them.
Pass: `api.quick`. Warn: `api.slow` (p95 of the ten, the slowest, over its limit: three times what is usual here, at
least 50 ms [ours]; until enough good runs are known 1000 ms [ours]), `api.unsteady` (some of the ten failed or timed
out), `api.log_slow` (p95 of the log over three times what is usual here), `api.server_errors`: 5xx from 1 % on [ours].
Fail: `api.server_errors` from 5 % on [ours], in at least 20 requests and with one of the last minute (what is over is a
warning); `api.timeout` (none of the ten was answered in 5 s [ours]; after three the rest is not asked).
Skip: `api.no_answer` (refused, TLS ...: the checks of port, certificates and health tell that).
Fewer than 3 errors say nothing. Thresholds: p95_ms, request_seconds, errors_percent, errors_fail_percent, log_minutes.
The guide's single `curl` tells neither how often it is slow nor what others were answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.answered import Answered, LogOfRequests, ask_again, keep_answers, percentile, read_logs
from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.stack import Endpoint, StackConfig

AT_ONCE = 8
P95_MS = 1000.0
LEAST_MS = 50.0
TIMES_USUAL = 3.0
REQUEST_SECONDS = 5.0
ERRORS_PERCENT = {"warn": 1.0, "fail": 5.0}
LEAST_ERRORS = 3
LEAST_REQUESTS = 20
LOG_MINUTES = 5.0


@dataclass(frozen=True, kw_only=True)
class ApiLatency(Check):
    """Each endpoint, and the log behind it."""

    slug: ClassVar[str] = "performance.api_latency"
    title: ClassVar[str] = "Endpoints answer quickly, again and again, and without server errors"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("auth.health_endpoint", "network.http_timing")
    deadline_seconds: ClassVar[float] = 25.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint is described."""
        return None if stack.endpoints else "the stack describes no [endpoints.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask all endpoints at once, each one request after the other; then read the logs."""
        endpoints = list(seeing.stack.endpoints.values())
        limit = seeing.threshold("request_seconds", REQUEST_SECONDS, unit="s")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            coming = {one.name: pool.submit(ask_again, seeing, one, limit.value) for one in endpoints}
            yield from look_at_each(
                seeing,
                endpoints,
                lambda one: _endpoint(seeing, one, coming[one.name].result(), limit),
                named=lambda one: one.url,
            )
        minutes = seeing.threshold("log_minutes", LOG_MINUTES, unit="min")
        logs = read_logs(seeing, minutes=minutes.value)
        yield from look_at_each(seeing, logs, partial(_log, seeing), named=lambda log: log.service)


def _endpoint(seeing: Seeing, endpoint: Endpoint, answered: Answered, limit: Threshold) -> Iterator[Finding]:
    cited = keep_answers(seeing, endpoint, answered)
    key = f"{endpoint.name} p95"
    p95 = percentile(answered.milliseconds, 95)
    usual = seeing.usual_threshold("p95_ms", P95_MS, key=key, times=TIMES_USUAL, unit="ms", at_least=LEAST_MS)
    if p95 is None:
        timed_out = answered.timeouts == answered.asked
        state, code = (State.FAIL, "api.timeout") if timed_out else (State.SKIP, "api.no_answer")
        text = f"none of {answered.asked} requests was answered: {answered.last_failure}"
        yield _finding(seeing, state, code, endpoint, answered, text, cited, threshold=limit if timed_out else None)
        return
    if answered.unsteady:
        text = f"{answered.unsteady} of {answered.asked} requests were not answered well, the others were"
        yield _finding(seeing, State.WARN, "api.unsteady", endpoint, answered, text, cited)
    if p95 > usual.value:
        text = f"the slowest of {answered.asked} answers took {p95:.0f} ms, over {usual.value:.0f} ms"
        yield _finding(seeing, State.WARN, "api.slow", endpoint, answered, text, cited, threshold=usual)
    elif not answered.unsteady:
        seeing.learn(key, p95)
        text = f"{answered.asked} answers took {percentile(answered.milliseconds, 50):.0f} ms, the slowest {p95:.0f} ms"
        yield _finding(seeing, State.PASS, "api.quick", endpoint, answered, text, cited)


def _finding(
    seeing: Seeing,
    state: State,
    code: str,
    endpoint: Endpoint,
    answered: Answered,
    text: str,
    cited: Citation,
    *,
    threshold: Threshold | None = None,
) -> Finding:
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{endpoint.name}: {text}"),
        target=endpoint.url,
        measured={
            "asked": Measurement(answered.asked),
            "answered": Measurement(len(answered.milliseconds)),
            "p50": Measurement(percentile(answered.milliseconds, 50), "ms"),
            "p95": Measurement(percentile(answered.milliseconds, 95), "ms"),
        },
        threshold=threshold,
        citations=(cited,),
    )


def _log(seeing: Seeing, log: LogOfRequests) -> Iterator[Finding]:
    """Judge the requests of one service; a log without requests, as most logs are, gives nothing."""
    if not log.requests:
        return
    cited = log.keep(seeing)
    yield from _server_errors(seeing, log, cited)
    p95, key = percentile(log.milliseconds, 95), f"{log.service} log p95"
    usual = seeing.baseline.usual(key)
    if p95 is None or len(log.milliseconds) < LEAST_REQUESTS:
        return
    if usual is None or p95 <= max(TIMES_USUAL * usual.median, LEAST_MS):
        seeing.learn(key, p95)
        return
    limit = seeing.usual_threshold("log_p95_ms", p95, key=key, times=TIMES_USUAL, unit="ms", at_least=LEAST_MS)
    text = f"of {len(log.milliseconds)} requests 5 % took longer than {p95:.0f} ms; usual is {usual.median:.0f} ms"
    yield _of_log(log, State.WARN, "api.log_slow", text, cited, limit)


def _server_errors(seeing: Seeing, log: LogOfRequests, cited: Citation) -> Iterator[Finding]:
    warn = seeing.threshold("errors_percent", ERRORS_PERCENT["warn"], unit="%")
    fail = seeing.threshold("errors_fail_percent", ERRORS_PERCENT["fail"], unit="%")
    errors, percent = log.server_errors, log.error_percent
    if len(errors) < LEAST_ERRORS or percent < warn.value:
        return
    is_fail = percent >= fail.value and len(log.requests) >= LEAST_REQUESTS and log.is_failing_now(seeing.now())
    last = f", the last at {errors[-1].at:%H:%M:%S} UTC" if errors[-1].at else ""
    text = f"{len(errors)} of {len(log.requests)} requests ended with 5xx ({percent:.1f} %){last}"
    state = State.FAIL if is_fail else State.WARN
    yield _of_log(log, state, "api.server_errors", text, cited, fail if is_fail else warn)


def _of_log(log: LogOfRequests, state: State, code: str, text: str, cited: Citation, limit: Threshold) -> Finding:
    return Finding(
        state=state,
        code=code,
        message=f"{log.service}: in {log.minutes:g} min {text}",
        target=log.service,
        measured={
            "requests": Measurement(len(log.requests)),
            "server_errors": Measurement(round(log.error_percent, 2), "%"),
            "log_p95": Measurement(percentile(log.milliseconds, 95), "ms"),
        },
        threshold=limit,
        citations=(cited,),
        blocks=False,
    )

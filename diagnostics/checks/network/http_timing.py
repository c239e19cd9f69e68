"""NET-03: where the time of one GET of the health path goes: dns, connect, tls, send, wait, receive (as `curl -w`).

Pass: every phase is within its limit. Warn: `timing.slow`, naming the slowest phase above its limit. Fail:
`timing.timeout`, where no answer came within the limit of the whole, naming the phase that took the time. Where the
request fails otherwise (refused, TLS ...) this check is a skip `timing.no_answer`: that is the finding of the checks
that look at ports, certificates and health. The status of the answer does not matter here.
A phase's limit is three times what is usual on this stack (but at least 50 ms, as less is noise) [ours]; until enough
good runs are known it is a default [ours]; `thresholds` set it: dns_ms (1000, the resolver's first retry is at 5 s),
connect_ms, tls_ms, send_ms, wait_ms, receive_ms, total_seconds (10).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.http import PHASES, Answer, RequestFailure, request
from diagnostics.stack import Endpoint, StackConfig

LIMITS_MS = {"dns": 1000.0, "connect": 500.0, "tls": 1000.0, "send": 500.0, "wait": 2000.0, "receive": 2000.0}
TIMES_USUAL = 3.0
LEAST_MS = 50.0
TOTAL_SECONDS = 10.0
MAX_BODY_BYTES = 1_000_000
MAX_ENDPOINTS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class HttpTiming(Check):
    """Each endpoint, one request."""

    slug: ClassVar[str] = "network.http_timing"
    title: ClassVar[str] = "The phases of a request take no longer than they should"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.port_conflict", "ssl.mtls_handshake", "auth.health_endpoint")
    deadline_seconds: ClassVar[float] = 15.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint is described."""
        return None if stack.endpoints else "the stack describes no [endpoints.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask all endpoints at once, so that one that hangs costs the others nothing."""
        endpoints = seeing.stack.endpoints.values()
        total = seeing.threshold("total_seconds", TOTAL_SECONDS, unit="s")
        with ThreadPoolExecutor(MAX_ENDPOINTS_AT_ONCE) as pool:
            coming = {one.name: pool.submit(_ask, seeing, one, total.value) for one in endpoints}
            yield from look_at_each(
                seeing,
                endpoints,
                lambda one: [_judge(seeing, one, coming[one.name], total)],
                named=lambda one: one.url,
            )


def _ask(seeing: Seeing, endpoint: Endpoint, seconds: float) -> Answer:
    """Make the request. Raises: RequestFailure, NotPermitted, DeadlineReached."""
    return request(
        endpoint,
        seeing.stack.tls[endpoint.tls] if endpoint.tls else None,
        "GET",
        endpoint.health_path,
        total_seconds=seeing.seconds_left(at_most=seconds),
        max_body_bytes=MAX_BODY_BYTES,
    )


def _judge(seeing: Seeing, endpoint: Endpoint, coming: Future[Answer], total: Threshold) -> Finding:
    try:
        answer = coming.result()
    except RequestFailure as failure:
        return _unanswered(seeing, endpoint, failure, total)
    evidence = _keep(seeing, endpoint, answer.phases, f"HTTP {answer.status}, {len(answer.body)} bytes")
    limits = {name: _limit(seeing, endpoint, name) for name in LIMITS_MS}
    over = {name: answer.phases.get(name, 0.0) for name in PHASES if answer.phases.get(name, 0.0) > limits[name].value}
    for name in PHASES:
        if name in answer.phases and name not in over:
            seeing.learn(f"{endpoint.name} {name}", answer.phases[name])
    if not over:
        return Finding(
            state=State.PASS,
            code="timing.within_limits",
            message=f"{endpoint.name}: answered in {answer.phases['total']:.0f} ms, {_slowest(answer.phases)}",
            target=endpoint.url,
            measured=_measured(answer.phases),
            citations=(evidence.whole(),),
        )
    slow = max(over, key=over.__getitem__)
    return Finding(
        state=State.WARN,
        code="timing.slow",
        message=f"{endpoint.name}: {slow} took {over[slow]:.0f} ms, over {limits[slow].value:.0f} ms",
        target=endpoint.url,
        measured={**_measured(answer.phases), "slow_phase": Measurement(slow)},
        threshold=limits[slow],
        citations=(evidence.lines(_line_of(slow, answer.phases)),),
    )


def _limit(seeing: Seeing, endpoint: Endpoint, phase: str) -> Threshold:
    return seeing.usual_threshold(
        f"{phase}_ms",
        LIMITS_MS[phase],
        key=f"{endpoint.name} {phase}",
        times=TIMES_USUAL,
        unit="ms",
        at_least=LEAST_MS,
    )


def _unanswered(seeing: Seeing, endpoint: Endpoint, failure: RequestFailure, total: Threshold) -> Finding:
    evidence = _keep(seeing, endpoint, failure.phases, failure.text)
    is_timeout = failure.code in {"http.timeout", "http.dns_timeout"}
    took = f"{failure.phase} took {failure.phases.get(failure.phase, 0.0):.0f} ms"
    said = f"no answer, {took}" if is_timeout else f"no answer to time ({failure.text})"
    return Finding(
        state=State.FAIL if is_timeout else State.SKIP,
        code="timing.timeout" if is_timeout else "timing.no_answer",
        message=seeing.clean(f"{endpoint.name}: {said}"),
        target=endpoint.url,
        measured={**_measured(failure.phases), "slow_phase": Measurement(failure.phase)},
        threshold=total if is_timeout else None,
        citations=(evidence.whole(),),
    )


def _keep(seeing: Seeing, endpoint: Endpoint, phases: Mapping[str, float], said: str) -> Evidence:
    lines = [f"{name:8}{phases[name]:10.2f} ms" for name in (*PHASES, "total") if name in phases]
    return seeing.keep("timing", source=f"GET {endpoint.url}{endpoint.health_path}", content=[*lines, said])


def _line_of(phase: str, phases: Mapping[str, float]) -> int:
    return [name for name in PHASES if name in phases].index(phase) + 1


def _measured(phases: Mapping[str, float]) -> dict[str, Measurement]:
    return {name: Measurement(value, "ms", lasts=name == "total") for name, value in phases.items()}


def _slowest(phases: Mapping[str, float]) -> str:
    slow = max((name for name in PHASES if name in phases), key=phases.__getitem__)
    return f"most of it {slow} ({phases[slow]:.0f} ms)"

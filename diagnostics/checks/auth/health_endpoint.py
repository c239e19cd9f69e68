"""AUT-01: ask every endpoint's health path, with the client certificate, and read what it says of its dependencies.

Pass: 200 and a body that says ok (`health.ok`). Warn: 200 with a degraded component (`health.degraded`), or with a
body that says nothing (`health.unclear`). Fail: `health.unhealthy` (another status or a body that says so, with the
failing components by name), `health.server_error`, `health.gateway` (502 or 504: a proxy has no answer from the
application), `health.refused` (401, 403), `health.not_found`, `health.redirected`, `health.unexpected`, and
`health.no_answer` (nothing in 8 s [ours], threshold `total_seconds`; the message says how far the request came).
Only `health.no_answer` and `health.gateway` block other checks, as a login may work while a dependency is down.
It requires the databases, their poolers and the queue to answer us: where they do not, /health would only say it a
second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.answers import answer_lines, phase_lines
from diagnostics.checks.base import Check
from diagnostics.checks.containers import gateway_key, silent_key
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.health import Component, Health, HealthAnswer, read_health
from diagnostics.probes.http import Answer, RequestFailure, request
from diagnostics.stack import Endpoint, StackConfig, TlsFiles

TOTAL_SECONDS = 8.0
AT_ONCE = 16
BY_STATUS = {401: "health.refused", 403: "health.refused", 404: "health.not_found"}
GATEWAY = (502, 504)
OURS = ("http.tls_files", "http.request_invalid")  # faults of what we hold, not of the endpoint

Outcome = Answer | RequestFailure | NotPermitted


@dataclass(frozen=True, kw_only=True)
class HealthEndpoint(Check):
    """The health path of every endpoint."""

    slug: ClassVar[str] = "auth.health_endpoint"
    title: ClassVar[str] = "The health endpoint answers and says ok"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "auth"})
    requires: ClassVar[tuple[str, ...]] = (
        "network.dns",
        "network.published_ports",
        "ssl.mtls_handshake",
        "database.postgres_direct",
        "database.postgres_pooled",
        "database.redis",
    )

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint is described."""
        return None if stack.endpoints else "the stack describes no [endpoints.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask all endpoints at once."""
        endpoints = list(seeing.stack.endpoints.values())
        limit = seeing.threshold("total_seconds", TOTAL_SECONDS, unit="s")
        seconds = seeing.seconds_left(at_most=limit.value)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(partial(_ask, seeing.stack.tls, seconds), endpoints))
        for endpoint, outcome in zip(endpoints, outcomes, strict=True):
            yield _judged(seeing, endpoint, outcome)


def _ask(tls: Mapping[str, TlsFiles], seconds: float, endpoint: Endpoint) -> Outcome:
    files = tls[endpoint.tls] if endpoint.tls else None
    try:
        return request(endpoint, files, "GET", endpoint.health_path, total_seconds=seconds)
    except (RequestFailure, NotPermitted) as failure:
        return failure


def _judged(seeing: Seeing, endpoint: Endpoint, outcome: Outcome) -> Finding:
    target = f"{endpoint.url}{endpoint.health_path}"
    if isinstance(outcome, NotPermitted):
        return Finding(state=State.ERROR, code=outcome.code, message=str(outcome), target=target)
    if isinstance(outcome, RequestFailure):
        return _no_answer(seeing, endpoint, target, outcome)
    evidence = seeing.keep("command", source=f"GET {target}", content=answer_lines(outcome))
    said = read_health(outcome.body)
    state, code, words = _verdict(outcome, said)
    if code == "health.gateway":
        seeing.hand_over(gateway_key(endpoint.service), f"auth.health_endpoint tells of it: {outcome.status}")
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{endpoint.name}: GET {endpoint.health_path} answered {outcome.status}{words}"),
        target=target,
        measured={
            "status": Measurement(outcome.status),
            "total": Measurement(outcome.phases.get("total"), "ms"),
            "failing_components": Measurement(len(said.of(Health.BAD))),
        },
        citations=(evidence.whole(),),
        blocks=code == "health.gateway",
    )


def _verdict(answer: Answer, said: HealthAnswer) -> tuple[State, str, str]:
    bad, degraded = said.of(Health.BAD), said.of(Health.DEGRADED)
    if answer.status in BY_STATUS:
        return State.FAIL, BY_STATUS[answer.status], ", so nothing is known of its health"
    if 300 <= answer.status < 400:
        return State.FAIL, "health.redirected", ": a redirect, which a health check must not follow"
    if answer.status in GATEWAY and not bad:
        return State.FAIL, "health.gateway", ": the proxy in front has no answer from the application"
    if bad or said.overall is Health.BAD:
        return State.FAIL, "health.unhealthy", f": {_named(bad, 'failing') or 'it says that it is unhealthy'}"
    if answer.status == 503:
        return State.FAIL, "health.unhealthy", " (unavailable) and does not say what fails"
    if answer.status >= 500:
        return State.FAIL, "health.server_error", ": the application failed while it answered"
    if not 200 <= answer.status < 300:
        return State.FAIL, "health.unexpected", ", which no health check expects"
    if degraded or said.overall is Health.DEGRADED:
        return State.WARN, "health.degraded", f": {_named(degraded, 'degraded') or 'it says that it is degraded'}"
    if said.overall is Health.UNCLEAR and answer.body:
        return State.WARN, "health.unclear", ", but the body does not say that it is healthy"
    return State.PASS, "health.ok", f" in {answer.phases.get('total', 0):g} ms and is healthy"


def _named(components: tuple[Component, ...], word: str) -> str:
    return "; ".join(f"{word}: {one}" for one in components[:5])


def _no_answer(seeing: Seeing, endpoint: Endpoint, target: str, failure: RequestFailure) -> Finding:
    lines = [f"{failure.code}: {failure.text}", f"phase reached: {failure.phase}", *phase_lines(failure.phases)]
    evidence = seeing.keep("timing", source=f"GET {target}", content=lines)
    ours = failure.code in OURS
    if failure.code == "http.timeout":
        seeing.hand_over(silent_key(endpoint.name), f"it was silent when it was asked for its health: {failure.text}")
    return Finding(
        state=State.ERROR if ours else State.FAIL,
        code=failure.code if ours else "health.no_answer",
        message=seeing.clean(f"{endpoint.name}: no answer to GET {endpoint.health_path}: {failure.text}"),
        target=target,
        measured={"reason": Measurement(failure.code), "total": Measurement(failure.phases.get("total"), "ms")},
        citations=(evidence.whole(),),
        next_checks=("network.http_timing",),
    )

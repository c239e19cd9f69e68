"""STA-05: what the engine's own health checks say of each running container.

Fail: `container.unhealthy`, with the last outputs of its check. Warn: `container.health_streak` (the newest check
failed, and not often enough yet), `container.health_late` (still `starting` after the start period and all retries),
`container.no_health_check` only where the service is one that others depend on. Pass: `container.healthy`, and
`container.starting` while its start period and retries last: that is not healthy yet, and it is too early to judge.
The engine keeps five outputs of at most 4,096 bytes; defaults are 30 s, 30 s, 3 tries [src: daemon/health.go]. An
output from before the last start is of the container's earlier life, and said to be: the engine keeps it across a
restart. In the state `restarting` a container is `unhealthy` with an empty log, and an exited one keeps its last word:
both are left to `startup.container_state`. The message says when the check itself timed out (the process may be frozen)
rather than answered badly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.timestamps import engine_time
from diagnostics.stack import StackConfig

DEFAULT_SECONDS = 30.0
DEFAULT_RETRIES = 3
NANOSECONDS = 1e9
TIMED_OUT = ("Health check exceeded timeout", "TimeoutError", "timed out")
MAX_SAID = 200


@dataclass(frozen=True, kw_only=True)
class ContainerHealth(Check):
    """The health state of each container."""

    slug: ClassVar[str] = "startup.container_health"
    title: ClassVar[str] = "Every container is healthy by its own health check"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all containers that run."""
        running = [one for seen in seeing.surroundings.containers().values() for one in seen if one.status == "running"]
        found = [finding for one in running for finding in _findings(seeing, one)]
        yield from found or [
            Finding(state=State.SKIP, code="container.none_runs", message="no container of the project runs")
        ]


def _findings(seeing: Seeing, container: Seen) -> Iterator[Finding]:
    health = container.state.get("Health")
    if not health:
        if any(container.service in one.depends_on for one in seeing.stack.services.values()):
            yield Finding(
                state=State.WARN,
                code="container.no_health_check",
                message=f"{container.service}: others depend on it, and it has no health check: nobody waits for it",
                target=container.service,
                blocks=False,
            )
        return
    state, code, words = _verdict(seeing, container, health)
    evidence = seeing.keep("inspect_json", source=f"health of {container}", content=list(_lines(seeing, container)))
    yield Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{container.service}: {words}"),
        target=container.service,
        measured={
            "failing_streak": Measurement(int(health.get("FailingStreak", 0))),
            "check_timed_out": Measurement(_is_timeout(_outputs(health))),
        },
        citations=(evidence.whole(),),
        blocks=False,
    )


def _verdict(seeing: Seeing, container: Seen, health: Mapping[str, Any]) -> tuple[State, str, str]:
    status, streak = str(health.get("Status", "")), int(health.get("FailingStreak", 0))
    outputs = _outputs(health)
    last = f": {outputs[-1][:MAX_SAID]}" if outputs else ""
    if status == "unhealthy":
        how = "its health check gets no answer in time" if _is_timeout(outputs) else "its health check fails"
        return State.FAIL, "container.unhealthy", f"{how}, {streak} times in a row{last}"
    if status == "starting" and _is_late(seeing, container):
        return State.WARN, "container.health_late", f"is still starting, longer than its health check allows{last}"
    if streak:
        return State.WARN, "container.health_streak", f"its newest health check failed ({streak} in a row){last}"
    if status == "starting":
        return (
            State.PASS,
            "container.starting",
            "is starting: its health check has not succeeded yet, nor had the time to",
        )
    return State.PASS, "container.healthy", f"is {status or 'healthy'} by its own check"


def _outputs(health: Mapping[str, Any]) -> list[str]:
    return [" ".join(str(entry.get("Output", "")).split()) for entry in health.get("Log") or []]


def _is_timeout(outputs: Sequence[str]) -> bool:
    return bool(outputs) and any(words in outputs[-1] for words in TIMED_OUT)


def _is_late(seeing: Seeing, container: Seen) -> bool:
    described = (container.attributes.get("Config") or {}).get("Healthcheck") or {}
    interval = float(described.get("Interval") or 0) / NANOSECONDS or DEFAULT_SECONDS
    timeout = float(described.get("Timeout") or 0) / NANOSECONDS or DEFAULT_SECONDS
    tries = int(described.get("Retries") or 0) or DEFAULT_RETRIES
    allowed = float(described.get("StartPeriod") or 0) / NANOSECONDS + tries * (interval + timeout)
    started_at = engine_time(str(container.state.get("StartedAt", "")))
    return started_at is not None and seeing.now() - started_at > timedelta(seconds=allowed)


def _lines(seeing: Seeing, container: Seen) -> Iterator[str]:
    health = container.state.get("Health") or {}
    started_at = engine_time(str(container.state.get("StartedAt", "")))
    yield f"Status: {health.get('Status')}, FailingStreak: {health.get('FailingStreak')}, started {started_at}"
    for entry in health.get("Log") or []:
        ended_at = engine_time(str(entry.get("End", "")))
        is_old = started_at is not None and ended_at is not None and ended_at < started_at
        said = " ".join(str(entry.get("Output", "")).split())
        yield f"{entry.get('End')} exit {entry.get('ExitCode')}{' (before the last start)' if is_old else ''}: {said}"
    if health.get("Status") == "unhealthy":
        try:
            yield from (f"process {' '.join(row)}" for row in seeing.surroundings.engine().top(container))
        except CouldNotLook as refusal:
            yield f"its processes cannot be listed: {refusal}"

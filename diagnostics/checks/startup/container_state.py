"""STA-03: every container of the stack runs or has done its work, and has not been restarted again and again.

Fail: `container.exited` (with its exit code in words), `container.dead`, `container.replica_exited` (the same, or never
started, where another container of its service runs), `container.created` (made and never started; the engine's own
error is shown) and `container.port_taken` where that error is a taken port, `container.paused`, `container.removing`,
and `container.crash_loop` (it is being restarted now, or was at least 3 times and runs for less than 10 minutes: Docker
backs off from 0.1 s, doubling, up to a minute [src: moby restartmanager], so that is a loop [ours]). Warn:
`container.restarted` (at least once, and runs for less than the window of the logs). Pass: `container.running`, and
`container.completed`: a job that ran once and ended well, as migrations do. That is exit code 0 under a restart policy
`no` or `on-failure`, where others wait for its end (`service_completed_successfully`) or nothing says that it should
run on: no health check, no published port, no role or address in stack.toml. State alone flaps: a crashing container
shows `running` between two crashes, and its exit code is then 0, so the count of restarts decides beside the time since
the last start. The count starts anew with every start by hand, and stays where it was when a loop ends by itself. An
automatic restart of long ago is no news.
Shown are the state, and the last lines of the log before the end. A service of which no container runs is handed over,
so that other checks say of it that it is down instead of failing once more. Thresholds: loop_restarts (3), loop_minutes
(10).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.containers import container_log, down_key
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.checks.surroundings import BY_STATUS
from diagnostics.probes.engine import DEPENDS_ON_LABEL, Seen
from diagnostics.probes.exit_codes import explained_exit
from diagnostics.probes.timestamps import engine_time
from diagnostics.stack import StackConfig

LOOP_RESTARTS = 3.0
LOOP_MINUTES = 10.0
STAYED_SECONDS = 10.0  # the engine's own measure: it then forgets its back-off [src: moby restartmanager]
AGAIN_SECONDS = 3.0
LOG_LINES = 60
RUNS_ONCE = frozenset({"", "no", "on-failure"})  # restart policies; the engine's own default is the first or second
AWAITED = "service_completed_successfully"
REPLICA_DOWN = frozenset({"container.exited", "container.dead", "container.created"})
SHOWN = (
    "Status",
    "Running",
    "Paused",
    "Restarting",
    "OOMKilled",
    "Dead",
    "ExitCode",
    "Error",
    "StartedAt",
    "FinishedAt",
)
PORT_TAKEN = ("address already in use", "port is already allocated")


@dataclass(frozen=True, slots=True)
class Others:
    """What a container's verdict depends on beside itself."""

    running: frozenset[str]  # services of which a container runs
    awaited: frozenset[str]  # services for whose end others wait

    @classmethod
    def of(cls, containers: Iterable[Seen]) -> Others:
        """Read it from all containers of a project."""
        containers = tuple(containers)
        conditions = (
            entry.split(":") for one in containers for entry in one.labels.get(DEPENDS_ON_LABEL, "").split(",")
        )
        return cls(
            running=frozenset(one.service for one in containers if one.status == "running"),
            awaited=frozenset(name for name, *condition in conditions if AWAITED in condition),
        )


@dataclass(frozen=True, kw_only=True)
class ContainerState(Check):
    """The state that the engine gives of each container."""

    slug: ClassVar[str] = "startup.container_state"
    title: ClassVar[str] = "Every container runs and stays up"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl", "database", "auth"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all containers as they are at one moment."""
        containers = _all(seeing.surroundings.containers())
        before = {one.id: _restarts(one) for one in containers}
        if any(_may_crash_again(seeing, one) for one in containers):
            time.sleep(min(AGAIN_SECONDS, seeing.seconds_left()))
            containers = _all(seeing.surroundings.containers(anew=True))
        crashed_again = {one.id for one in containers if _restarts(one) > before.get(one.id, 0)}
        others = Others.of(containers)
        found = [_finding(seeing, one, others, crashed_again=one.id in crashed_again) for one in containers]
        yield from found or [
            Finding(
                state=State.FAIL,
                code="container.none",
                message="the project has no container at all: it was never started here, or was taken down",
                target=seeing.stack.engine.project if seeing.stack.engine else "",
            )
        ]


def _all(containers: Mapping[str, list[Seen]]) -> list[Seen]:
    return [one for seen in containers.values() for one in seen]


def _restarts(container: Seen) -> int:
    return int(container.attributes.get("RestartCount", 0))


def _may_crash_again(seeing: Seeing, container: Seen) -> bool:
    """Say whether it was restarted and has not stayed up yet, so that one sample says nothing."""
    started_at = _time(container.state, "StartedAt")
    is_fresh = started_at is not None and seeing.now() - started_at < timedelta(seconds=STAYED_SECONDS)
    return container.status == "running" and is_fresh and _restarts(container) > 0


def _finding(seeing: Seeing, container: Seen, others: Others, *, crashed_again: bool) -> Finding:
    state, code, words = (
        (State.PASS, "container.completed", "has done its work and ended: exit code 0")
        if _has_completed(seeing, container, others)
        else _verdict(seeing, container, crashed_again=crashed_again)
    )
    if code in REPLICA_DOWN and container.service in others.running:
        code, words = "container.replica_exited", f"{words}; another one of the service runs"
    facts = {name: container.state[name] for name in SHOWN if name in container.state}
    facts |= {"RestartCount": _restarts(container)}
    evidence = seeing.keep("inspect_json", source=f"inspect {container}", content=json.dumps(facts, indent=1))
    citations = [evidence.whole()]
    if state is State.FAIL:
        citations += _last_words(seeing, container)
        if container.service not in others.running:
            seeing.hand_over(down_key(container.service), f"{container.status} ({code})")
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{container.service}: its container {words}"),
        target=container.service,
        measured={
            "restarts": Measurement(_restarts(container)),
            "exit_code": Measurement(int(container.state.get("ExitCode", 0))),
        },
        threshold=seeing.threshold("loop_restarts", LOOP_RESTARTS, unit="") if code == "container.crash_loop" else None,
        citations=tuple(citations),
        blocks=False,
    )


def _has_completed(seeing: Seeing, container: Seen, others: Others) -> bool:
    """Say whether it is a job that ran once and ended well, and no service that somebody stopped."""
    state, limits = container.state, container.attributes.get("HostConfig") or {}
    policy = str((limits.get("RestartPolicy") or {}).get("Name", ""))
    ended_well = container.status == "exited" and state.get("ExitCode") == 0
    if not ended_well or state.get("Error") or state.get("OOMKilled") or policy not in RUNS_ONCE:
        return False
    return container.service in others.awaited or not _should_run_on(seeing, container, limits)


def _should_run_on(seeing: Seeing, container: Seen, limits: Mapping[str, Any]) -> bool:
    described = seeing.stack.services.get(container.service)
    health_check = (container.attributes.get("Config") or {}).get("Healthcheck") or {}
    return (
        bool(limits.get("PortBindings"))
        or (health_check.get("Test") or ["NONE"]) != ["NONE"]
        or (described is not None and (described.role != "other" or bool(described.listens)))
    )


def _verdict(seeing: Seeing, container: Seen, *, crashed_again: bool) -> tuple[State, str, str]:
    restarts, started_at = _restarts(container), _time(container.state, "StartedAt")
    limit = seeing.threshold("loop_restarts", LOOP_RESTARTS, unit="")
    minutes = seeing.threshold("loop_minutes", LOOP_MINUTES, unit="min")
    is_young = started_at is not None and seeing.now() - started_at < timedelta(minutes=minutes.value)
    is_looping = restarts >= limit.value and is_young
    if container.status == "restarting" or is_looping or crashed_again:
        how = explained_exit(int(container.state.get("ExitCode", 0)))
        return State.FAIL, "container.crash_loop", f"was restarted {restarts} times and does not stay up (last: {how})"
    if container.status == "created":
        error = str(container.state.get("Error", ""))
        code = "container.port_taken" if any(words in error for words in PORT_TAKEN) else "container.created"
        return State.FAIL, code, f"was made and never started: {error or 'the engine gives no reason'}"
    if container.status != "running":
        words = BY_STATUS.get(container.status, f"is {container.status}")
        how = explained_exit(int(container.state.get("ExitCode", 0))) if container.status in {"exited", "dead"} else ""
        return State.FAIL, f"container.{container.status}", f"{words}{f': {how}' if how else ''}"
    window = timedelta(minutes=seeing.stack.logs.window_minutes)
    if restarts and started_at is not None and seeing.now() - started_at < window:
        return State.WARN, "container.restarted", f"runs, after {restarts} restart(s), since {started_at:%H:%M:%S} UTC"
    return State.PASS, "container.running", "runs"


def _time(state: Mapping[str, Any], name: str) -> datetime | None:
    return engine_time(str(state.get(name, "")))


def _last_words(seeing: Seeing, container: Seen) -> Iterator[Citation]:
    lines = container_log(seeing, container, tail=LOG_LINES)
    if lines:
        evidence = seeing.keep("log_excerpt", source=f"last lines of {container}", content=lines)
        yield evidence.whole()

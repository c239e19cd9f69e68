"""STA-04: no container was killed by the kernel for its memory.

Fail: `memory.killed` (OOMKilled and exit code 137, or it is being restarted, or was and runs for less than 10 minutes
[ours, as of startup.container_state]: the main process was hit). Warn: `memory.child_killed` (OOMKilled with another
exit code, or running on: another process in it was killed) and `memory.killed_before` (it was restarted and has run for
longer since). The mark is of the whole container and stays until it is started by hand [moby/moby#43564; seen: an
automatic restart does not reset it], so it alone says neither when nor which process. Engines up to 20.10 set it only
when a container ends [seen]: of those that run, the cgroup's own count since the start is read as well (`oom_kill` in
memory.events or memory.oom_control), from inside. Pass: `memory.not_killed`, which says of how many only the mark is
known, having no `cat` or letting nobody look inside; an exit code of 137 without the mark is a kill from outside, e.g.
a stop whose grace period ran out, and is said to be. Shown are the state, the limit, and the end of the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.containers import UNSETTLED, container_log
from diagnostics.checks.memory_kills import kills_of
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.engine import Seen
from diagnostics.probes.timestamps import engine_time
from diagnostics.stack import StackConfig

KILLED = 137  # 128 + SIGKILL
LOG_LINES = 40
SHOWN = ("Status", "OOMKilled", "ExitCode", "StartedAt", "FinishedAt")


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(Check):
    """What the kernel did to each container."""

    slug: ClassVar[str] = "startup.out_of_memory"
    title: ClassVar[str] = "No container was killed for its memory"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all containers."""
        containers = [one for seen in seeing.surroundings.containers().values() for one in seen]
        marked = [one for one in containers if one.state.get("OOMKilled")]
        running = [one for one in containers if one.status == "running" and one not in marked]
        kills = kills_of(seeing, running)
        hit = [*marked, *(one for one in running if kills.get(one.id))]
        yield from (_killed(seeing, one, kills.get(one.id)) for one in hit)
        if not hit:
            yield _nothing_killed(containers, untold=len(running) - len(kills))


def _nothing_killed(containers: Sequence[Seen], *, untold: int) -> Finding:
    outside = [one.service for one in containers if one.state.get("ExitCode") == KILLED]
    said = f"; {', '.join(outside)} ended with exit code 137, which was a kill from outside" if outside else ""
    said += f"; of {untold} that run only the engine's mark is known" if untold else ""
    return Finding(
        state=State.PASS,
        code="memory.not_killed",
        message=f"the kernel killed no process of {len(containers)} container(s) for its memory{said}",
        measured={"containers": Measurement(len(containers)), "not_looked_into": Measurement(untold)},
    )


def _killed(seeing: Seeing, container: Seen, kills: int | None) -> Finding:
    limit = int((container.attributes.get("HostConfig") or {}).get("Memory") or 0)
    restarts = int(container.attributes.get("RestartCount", 0))
    facts = {name: container.state[name] for name in SHOWN if name in container.state}
    facts |= {"RestartCount": restarts, "MemoryLimitBytes": limit}
    facts |= {} if kills is None else {"KilledSinceStart": kills}
    evidence = seeing.keep("inspect_json", source=f"inspect {container}", content=json.dumps(facts, indent=1))
    allowed = f"its limit is {limit / 1024**2:.0f} MiB" if limit else "it has no limit of its own: the host had no more"
    state, code, words = _verdict(seeing, container, restarts)
    citations = [evidence.whole()]
    if lines := container_log(seeing, container, tail=LOG_LINES):
        citations.append(seeing.keep("log_excerpt", source=f"last lines of {container}", content=lines).whole())
    return Finding(
        state=state,
        code=code,
        message=f"{container.service}: the kernel killed {words}; {allowed}",
        target=container.service,
        measured={"memory_limit": Measurement(limit, "bytes"), "restarts": Measurement(restarts)},
        citations=tuple(citations),
        blocks=False,
    )


def _verdict(seeing: Seeing, container: Seen, restarts: int) -> tuple[State, str, str]:
    """Say what was hit: the main process where that ended, else another one; a restart of long ago is no news."""
    started_at, is_marked = engine_time(str(container.state.get("StartedAt", ""))), container.state.get("OOMKilled")
    is_old = started_at is not None and seeing.now() - started_at >= UNSETTLED
    if is_marked and container.status == "running" and restarts and is_old:
        words = f"a process in it for its memory some time before its last start at {started_at:%Y-%m-%d %H:%M} UTC"
        return State.WARN, "memory.killed_before", words
    if is_marked and (container.state.get("ExitCode") == KILLED or container.status == "restarting" or restarts):
        return State.FAIL, "memory.killed", "its main process for its memory"
    return State.WARN, "memory.child_killed", "a process in it, not the main one, for its memory"

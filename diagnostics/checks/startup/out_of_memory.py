"""STA-04: no container was killed by the kernel for its memory.

Fail: `memory.killed` (OOMKilled and exit code 137, or OOMKilled and being restarted again and again: the main process
was hit). Warn: `memory.child_killed` (OOMKilled with another exit code, or still running: a process in it was killed;
the flag is of the whole container and stays until it is started by hand [moby/moby#43564; seen: an automatic restart
does not reset it]). Pass: `memory.not_killed`; an exit code of 137 without the flag is a kill from outside, e.g. a stop
whose grace period ran out, and is said to be. Shown are the state, the limit, and the end of the log. Exact, no
threshold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

KILLED = 137  # 128 + SIGKILL
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
        hit = [one for one in containers if one.state.get("OOMKilled")]
        yield from (_killed(seeing, one) for one in hit)
        if not hit:
            outside = [one.service for one in containers if one.state.get("ExitCode") == KILLED]
            said = f"; {', '.join(outside)} ended with exit code 137, which was a kill from outside" if outside else ""
            yield Finding(
                state=State.PASS,
                code="memory.not_killed",
                message=f"the kernel killed no process of {len(containers)} container(s) for its memory{said}",
                measured={"containers": Measurement(len(containers))},
            )


def _killed(seeing: Seeing, container: Seen) -> Finding:
    limit = int((container.attributes.get("HostConfig") or {}).get("Memory") or 0)
    restarts = int(container.attributes.get("RestartCount", 0))
    facts = {name: container.state[name] for name in SHOWN if name in container.state}
    facts |= {"RestartCount": restarts, "MemoryLimitBytes": limit}
    evidence = seeing.keep("inspect_json", source=f"inspect {container}", content=json.dumps(facts, indent=1))
    is_main = container.state.get("ExitCode") == KILLED or container.status == "restarting" or restarts > 0
    allowed = f"its limit is {limit / 1024**2:.0f} MiB" if limit else "it has no limit of its own: the host had no more"
    what = "its main process" if is_main else "a process in it, not the main one,"
    return Finding(
        state=State.FAIL if is_main else State.WARN,
        code="memory.killed" if is_main else "memory.child_killed",
        message=f"{container.service}: the kernel killed {what} for its memory; {allowed}",
        target=container.service,
        measured={"memory_limit": Measurement(limit, "bytes"), "restarts": Measurement(restarts)},
        citations=(evidence.whole(),),
        blocks=False,
    )

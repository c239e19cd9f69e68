"""PRF-02: every container has memory left, of its limit or else of the engine's host.

Counted is what `docker stats` shows: what the container uses without cached files that nobody uses (usage less
inactive_file). Warn: `memory.near_limit` at 80 % of the limit. Fail: the same at 95 %, unless so much of it are cached
files in use that it would be below 80 % without them: the kernel takes those back before it kills [all ours]. Pass:
`memory.room`. A container without a limit is held against the memory of the engine's host, and then is at most a
warning: whether the machine itself has memory left is the finding of performance.host. Skip: `memory.nothing_runs`.
Error: container.gone (it vanished meanwhile), engine.timeout. Only for the container vantage. A container that grew
since the last good look is told so. Thresholds: percent, fail_percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.container_loads import loads_of, nothing_runs, running_containers
from diagnostics.checks.each import could_not_look
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.container_load import ContainerLoad
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

PERCENT = {"warn": 80.0, "fail": 95.0}
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Use:
    """What a container has of the memory that it may have."""

    container: Seen
    load: ContainerLoad
    of: int  # bytes: of its limit, or of the host
    before: float | None  # bytes at the last good look

    @property
    def is_limited(self) -> bool:
        """Say whether the container has a limit of its own."""
        return self.load.memory_limit_bytes is not None

    @property
    def percent(self) -> float:
        """Give the share of what it may have."""
        return 100 * self.load.memory_bytes / self.of

    @property
    def percent_without_cache(self) -> float:
        """Give the share that the kernel cannot take back."""
        return 100 * self.load.memory_without_cache_bytes / self.of

    @property
    def growth(self) -> float:
        """Give how many bytes it has more than at the last good look."""
        return 0.0 if self.before is None else self.load.memory_bytes - self.before

    def __str__(self) -> str:
        """Give `244 of 256 MiB (95 %), 3 MiB of it cached files in use`."""
        whose = "" if self.is_limited else " of the host, as it has no limit of its own"
        cached = f", {self.load.cached_bytes / MIB:.0f} MiB of it cached files in use" if self.load.cached_bytes else ""
        return f"{self.load.memory_bytes / MIB:.0f} of {self.of / MIB:.0f} MiB{whose} ({self.percent:.0f} %){cached}"


@dataclass(frozen=True, kw_only=True)
class ContainerMemory(Check):
    """Every container that runs."""

    slug: ClassVar[str] = "performance.container_memory"
    title: ClassVar[str] = "Containers have memory left"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask for all containers at once."""
        containers = running_containers(seeing)
        loads = loads_of(seeing, containers)
        uses = list(_uses(seeing, [(one, loads[one.id]) for one in containers if one.id in loads]))
        if uses:
            evidence = seeing.keep("command", source="stats of every container", content=[_line(one) for one in uses])
            yield from (_finding(seeing, one, evidence.lines(number)) for number, one in enumerate(uses, start=1))
        for one in containers:
            if isinstance(refusal := loads.get(one.id), CouldNotLook):
                yield could_not_look(seeing, refusal, target=one.service)
        if not loads:
            yield nothing_runs("memory.nothing_runs")


def _uses(seeing: Seeing, pairs: list[tuple[Seen, ContainerLoad | CouldNotLook]]) -> Iterator[Use]:
    """Give the use of each container that could be asked; the host's memory is asked for where one needs it."""
    seen = [(one, load) for one, load in pairs if isinstance(load, ContainerLoad)]
    unlimited = any(load.memory_limit_bytes is None for _, load in seen)
    of_host = int(seeing.surroundings.engine().info().get("MemTotal") or 0) if unlimited else 0
    for one, load in seen:
        if of := load.memory_limit_bytes or of_host:
            yield Use(one, load, of, seeing.baseline.last(_key(one)))


def _key(container: Seen) -> str:
    return f"used {container.name}"


def _line(use: Use) -> str:
    before = "" if use.before is None else f"; {use.before / MIB:.0f} MiB at the last good look"
    return f"{use.container}: {use}{before}"


def _verdict(seeing: Seeing, use: Use) -> tuple[State, str, Threshold]:
    warn = seeing.threshold("percent", PERCENT["warn"], unit="%")
    fail = seeing.threshold("fail_percent", PERCENT["fail"], unit="%")
    if use.percent < warn.value:
        return State.PASS, "memory.room", warn
    if use.is_limited and use.percent >= fail.value and use.percent_without_cache >= warn.value:
        return State.FAIL, "memory.near_limit", fail
    return State.WARN, "memory.near_limit", warn


def _finding(seeing: Seeing, use: Use, citation: Citation) -> Finding:
    state, code, threshold = _verdict(seeing, use)
    seeing.learn(_key(use.container), use.load.memory_bytes)
    grown = f"; {use.growth / MIB:.0f} MiB more than at the last good look" if use.growth >= MIB else ""
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{use.container.service}: it uses {use}{grown}"),
        target=use.container.service,
        measured={
            "share": Measurement(round(use.percent, 1), "%"),
            "used": Measurement(use.load.memory_bytes, "B"),
            "cached": Measurement(use.load.cached_bytes, "B"),
            "limit": Measurement(use.load.memory_limit_bytes, "B"),
            "growth": Measurement(round(use.growth), "B"),
        },
        threshold=threshold,
        citations=(citation,),
        blocks=False,
    )

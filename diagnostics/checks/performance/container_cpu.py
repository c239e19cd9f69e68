"""PRF-01: no container is at the end of its share of the processors, or is held back by its quota again and again.

The engine is asked twice for the counters of all running containers, 2 s apart; where one of them is above a limit
then, it is asked once more after 6 s, and the whole time counts, so that a burst of a second is no news [ours]. A
container's share is what it used of its quota (`cpus`, `cpu_quota`, or the processors of its `cpuset`).
Warn: `cpu.busy` at 80 % of the quota; `cpu.throttled` where it was held back in 25 % of the periods in which it had
work, of at least 20 such periods. Fail: `cpu.busy` at 95 % over the whole time [all ours]. Pass: `cpu.room`.
A container without a quota is held against all processors of the engine's host, and then is at most a warning: it takes
them from its neighbors, and whether it should cannot be seen. Skip: `cpu.nothing_runs`. Error: container.gone (it
vanished meanwhile), engine.timeout. Only for the container vantage. Programs that checks run in a container count as
its own.
Thresholds: percent, fail_percent, throttled_percent, first_seconds, window_seconds.
The guide's `docker stats` shows percent of one processor: 100 % is all of a quota of 1, and half of a quota of 2.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.container_loads import Loads, loads_of, nothing_runs, running_containers
from diagnostics.checks.each import could_not_look
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.container_load import ContainerLoad
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

PERCENT = {"warn": 80.0, "fail": 95.0}
THROTTLED_PERCENT = 25.0
LEAST_PERIODS = 20  # with work; the share of fewer says nothing
FEW_PERIODS = 3  # held back in these is enough to look longer
FIRST_SECONDS, WINDOW_SECONDS = 2.0, 6.0


@dataclass(frozen=True, slots=True)
class Use:
    """What a container used between two moments."""

    container: Seen
    seconds: float
    processors: float  # on average
    of: float  # processors that it may have
    is_limited: bool
    periods: int
    throttled: int

    @property
    def percent(self) -> float:
        """Give the share of what it may have."""
        return 100 * self.processors / self.of

    @property
    def throttled_percent(self) -> float:
        """Give the share of periods in which it was held back, 0 without any."""
        return 100 * self.throttled / self.periods if self.periods else 0.0

    def __str__(self) -> str:
        """Give `0.49 of 0.5 processors (98 %) in 6.0 s, held back in 57 of 60 periods`."""
        held = f", held back in {self.throttled} of {self.periods} periods" if self.periods else ""
        whose = "" if self.is_limited else " of the host, as it has no limit of its own"
        share = f"{self.processors:.2f} of {self.of:g} processors{whose} ({self.percent:.0f} %)"
        return f"{share} in {self.seconds:.1f} s{held}"


@dataclass(frozen=True, kw_only=True)
class ContainerCpu(Check):
    """Every container that runs."""

    slug: ClassVar[str] = "performance.container_cpu"
    title: ClassVar[str] = "Containers have processor time left, and their quotas do not hold them back"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask for all containers at once, and longer where one is busy."""
        containers = running_containers(seeing)
        if not containers:
            yield nothing_runs("cpu.nothing_runs")
            return
        first = seeing.threshold("first_seconds", FIRST_SECONDS, unit="s").value
        window = seeing.threshold("window_seconds", WINDOW_SECONDS, unit="s").value
        before = loads_of(seeing, containers)
        after = _later(seeing, containers, first)
        if any(_deserves_more(seeing, one) for one in _uses(containers, before, after)):
            after = _later(seeing, containers, window - first)
        yield from _judged(seeing, containers, before, after)


def _later(seeing: Seeing, containers: Sequence[Seen], seconds: float) -> Loads:
    time.sleep(min(max(seconds, 0.0), seeing.seconds_left()))
    return loads_of(seeing, containers)


def _uses(containers: Sequence[Seen], before: Loads, after: Loads) -> Iterator[Use]:
    for one in containers:
        earlier, later = before.get(one.id), after.get(one.id)
        if isinstance(earlier, ContainerLoad) and isinstance(later, ContainerLoad):
            use = _between(one, earlier, later)
            if use is not None:
                yield use


def _between(container: Seen, earlier: ContainerLoad, later: ContainerLoad) -> Use | None:
    seconds, used = (later.at - earlier.at).total_seconds(), later.processor_seconds - earlier.processor_seconds
    if seconds <= 0 or used < 0:  # started anew meanwhile: it counts from zero
        return None
    return Use(
        container=container,
        seconds=seconds,
        processors=used / seconds,
        of=later.allowed_processors or later.processors,
        is_limited=later.allowed_processors is not None,
        periods=later.periods - earlier.periods,
        throttled=later.throttled_periods - earlier.throttled_periods,
    )


def _judged(seeing: Seeing, containers: Sequence[Seen], before: Loads, after: Loads) -> Iterator[Finding]:
    uses = list(_uses(containers, before, after))
    if uses:
        lines = [f"{one.container}: {one}" for one in uses]
        evidence = seeing.keep("command", source="two stats of every container", content=lines)
        yield from (_finding(seeing, one, evidence.lines(number)) for number, one in enumerate(uses, start=1))
    for one in containers:
        refusal = next(
            (said for said in (after.get(one.id), before.get(one.id)) if isinstance(said, CouldNotLook)), None
        )
        if refusal is not None:
            yield could_not_look(seeing, refusal, target=one.service)
    if not uses and not any(isinstance(said, CouldNotLook) for said in (*after.values(), *before.values())):
        yield nothing_runs("cpu.nothing_runs")  # all of them ended meanwhile


def _deserves_more(seeing: Seeing, use: Use) -> bool:
    """Say whether a container is above a limit so far, in however few periods."""
    throttled = seeing.threshold("throttled_percent", THROTTLED_PERCENT, unit="%")
    is_held_back = use.throttled >= FEW_PERIODS and use.throttled_percent >= throttled.value
    return is_held_back or _verdict(seeing, use)[0] is not State.PASS


def _verdict(seeing: Seeing, use: Use) -> tuple[State, str, Threshold]:
    warn = seeing.threshold("percent", PERCENT["warn"], unit="%")
    fail = seeing.threshold("fail_percent", PERCENT["fail"], unit="%")
    throttled = seeing.threshold("throttled_percent", THROTTLED_PERCENT, unit="%")
    if use.percent >= fail.value and use.is_limited:
        return State.FAIL, "cpu.busy", fail
    if use.percent >= warn.value:
        return State.WARN, "cpu.busy", warn
    if use.throttled_percent >= throttled.value and use.periods >= LEAST_PERIODS:
        return State.WARN, "cpu.throttled", throttled
    return State.PASS, "cpu.room", warn


def _finding(seeing: Seeing, use: Use, citation: Citation) -> Finding:
    state, code, threshold = _verdict(seeing, use)
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{use.container.service}: it used {use}"),
        target=use.container.service,
        measured={
            "share": Measurement(round(use.percent, 1), "%"),
            "processors": Measurement(round(use.processors, 3)),
            "allowed": Measurement(use.of if use.is_limited else None),
            "throttled": Measurement(round(use.throttled_percent, 1), "%"),
        },
        threshold=threshold,
        citations=(citation,),
        blocks=False,
    )

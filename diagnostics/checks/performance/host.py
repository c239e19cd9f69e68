"""PRF-04: whether the machine has memory left, and whether work waits for processors, memory or disks.

Fail: `host.memory` under 100 MB available (django-health-check MEMORY_MIN). Warn: `host.cpu_pressure`,
`host.memory_pressure`, `host.io_pressure`: some work waited for it during more than 10 % of the last minute (PSI `some`
avg60 [ours]; three times what is usual here where that is known); `host.swap` (90 % of the swap is used [ours]);
`host.killed` (the kernel killed processes for lack of memory since the last good look).
Kernels before 4.20, and those with PSI switched off, measure no pressure: then `host.load` warns at a five-minute load
of 3 for each processor [ours], which counts what waits for a disk, too. Pass: `host.room`.
Of containers the engine's host is looked at: from here where the engine is local and by its own word is this machine,
else from inside a container, whose /proc tells of the whole machine. Skip: `host.not_seen`, where no container runs
that can be asked.
Thresholds: memory_mb, cpu_pressure_percent, memory_pressure_percent, io_pressure_percent, swap_percent, load_each.
The guide's `htop` and `docker stats` show how much is used; a machine is full when work waits, and that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.engine_host import Machine, load_of_engine
from diagnostics.checks.result import Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.load import RESOURCES, SOME, Load, load_of_host
from diagnostics.stack import StackConfig

MEMORY_MB = 100.0
PRESSURE_PERCENT = 10.0
TIMES_USUAL = 3.0
SWAP_PERCENT = 90.0
LOAD_EACH = 3.0
KILLED = "killed for memory"
MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class HostLoad(Check):
    """The machine on which the stack runs."""

    slug: ClassVar[str] = "performance.host"
    title: ClassVar[str] = "The machine has memory left, and work does not wait for it"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply to containers, and where the stack's processes are seen to run here."""
        if stack.vantage == "container":
            return None
        is_here = stack.host or any(one.pid_file for one in stack.services.values())
        return None if is_here else "the stack names neither [host] nor a pid_file, so it may run elsewhere"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look once."""
        seen = (
            load_of_engine(seeing) if seeing.surroundings.is_container else Machine(load_of_host(), "/proc of the host")
        )
        if seen is None:
            text = "the engine's host was not seen: no container runs that could be asked"
            yield Finding(state=State.SKIP, code="host.not_seen", message=text, target="host", blocks=False)
            return
        load = seen.load
        evidence = seeing.keep("command", source=seen.source, content=list(_lines(load)))
        findings = [*_memory(seeing, load, evidence), *_waiting(seeing, load, evidence)]
        yield from findings or [_finding(State.PASS, "host.room", _summary(load), load, evidence)]


def _lines(load: Load) -> Iterator[str]:
    yield f"memory: {load.available_bytes // MB} MB available of {load.total_bytes // MB} MB"
    yield f"swap: {load.swap_percent:.0f} % of {load.swap_total_bytes // MB} MB used"
    yield f"load: {load.load_five_minutes:.2f} in five minutes on {load.processors} processor(s)"
    for name, figures in load.pressure.items():
        shown = ", ".join(f"{kind} {percent:.2f} %" for kind, percent in figures.items())
        yield f"pressure of the last minute: {name} {shown}"
    if not load.pressure:
        yield "pressure: not measured by this kernel"
    if load.killed_for_memory is not None:
        yield f"processes killed for lack of memory since the start: {load.killed_for_memory}"


def _memory(seeing: Seeing, load: Load, evidence: Evidence) -> Iterator[Finding]:
    least = seeing.threshold("memory_mb", MEMORY_MB, unit="MB", reference="django-health-check MEMORY_MIN")
    if load.available_bytes < least.value * MB:
        text = f"{load.available_bytes // MB} MB of memory are available, fewer than {least.value:g}"
        yield _finding(State.FAIL, "host.memory", text, load, evidence, threshold=least)
    swap = seeing.threshold("swap_percent", SWAP_PERCENT, unit="%")
    if load.swap_total_bytes and load.swap_percent >= swap.value:
        text = f"{load.swap_percent:.0f} % of the swap is used; soon the kernel kills processes"
        yield _finding(State.WARN, "host.swap", text, load, evidence, threshold=swap)
    if load.killed_for_memory is not None:
        before = seeing.baseline.last(KILLED)
        more = 0 if before is None else load.killed_for_memory - before
        seeing.learn(KILLED, load.killed_for_memory)
        if more > 0:
            text = f"the kernel killed {more:g} process(es) for lack of memory since the last good look"
            yield _finding(State.WARN, "host.killed", text, load, evidence)


def _waiting(seeing: Seeing, load: Load, evidence: Evidence) -> Iterator[Finding]:
    for name in RESOURCES:
        percent = load.pressure.get(name, {}).get(SOME, 0.0)
        limit = seeing.usual_threshold(
            f"{name}_pressure_percent",
            PRESSURE_PERCENT,
            key=f"{name} pressure",
            times=TIMES_USUAL,
            unit="%",
            at_least=PRESSURE_PERCENT,
        )
        if percent > limit.value:
            text = f"work waited for {name} during {percent:.0f} % of the last minute"
            yield _finding(State.WARN, f"host.{name}_pressure", text, load, evidence, threshold=limit)
        elif name in load.pressure:
            seeing.learn(f"{name} pressure", percent)
    each = seeing.threshold("load_each", LOAD_EACH, unit="")
    if not load.pressure and load.load_per_processor >= each.value:
        text = f"the load is {load.load_per_processor:.1f} for each of {load.processors} processor(s)"
        yield _finding(State.WARN, "host.load", text, load, evidence, threshold=each)


def _summary(load: Load) -> str:
    pressure = " and ".join(f"{figures.get(SOME, 0):.0f} % {name}" for name, figures in load.pressure.items())
    waited = f"pressure {pressure}" if pressure else "pressure is not measured by this kernel"
    return f"{load.available_bytes // MB} MB of memory available, load {load.load_per_processor:.1f} each, {waited}"


def _finding(
    state: State, code: str, text: str, load: Load, evidence: Evidence, *, threshold: Threshold | None = None
) -> Finding:
    pressure = {f"{name}_pressure": Measurement(figures.get(SOME), "%") for name, figures in load.pressure.items()}
    return Finding(
        state=state,
        code=code,
        message=text,
        target="host",
        measured={
            "available": Measurement(load.available_bytes, "B"),
            "swap": Measurement(load.swap_percent, "%"),
            "load_each": Measurement(round(load.load_per_processor, 2)),
            **pressure,
        },
        threshold=threshold,
        citations=(evidence.whole(),),
    )

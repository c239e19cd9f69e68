"""NET-06: how long a TCP connection to each endpoint, database and queue takes, five times one after the other.

A connect is one round trip, needs no right (ICMP does) and takes the way that the application takes. Pass:
`latency.usual`. Warn: `latency.high` (the 95th percentile, of five the slowest, is above the limit), `latency.lossy`
(some of the five connections did not come about within 2 s [ours]). Skip: `latency.no_connection` where none did, which
is the finding of network.connections. The limit is three times what is usual on this stack, but at least 50 ms, as less
is noise [ours]; until enough good runs are known it is 500 ms [ours]; `thresholds` set it: p95_ms. The name's
resolution is not counted. Of containers only the endpoints are measured: what connects inside has to start a program.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.edges import reached_from_here
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.connecting import Attempt, connect_once
from diagnostics.probes.errors import NameUnresolved
from diagnostics.probes.resolve import addresses
from diagnostics.stack import StackConfig

TIMES = 5
CONNECT_SECONDS = 2.0
P95_MS = 500.0
LEAST_MS = 50.0
TIMES_USUAL = 3.0
AT_ONCE = 16

Target = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Latency(Check):
    """Every address that the stack names for a client."""

    slug: ClassVar[str] = "network.latency"
    title: ClassVar[str] = "Connections take no longer than usual"
    suites: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[tuple[str, ...]] = ("network.dns",)
    deadline_seconds: ClassVar[float] = 15.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where something is connected to."""
        return None if reached_from_here(stack) else "the stack describes nothing that is reached from here"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Measure all targets at once, each one connection after the other."""
        targets = sorted(reached_from_here(seeing.stack))
        seeing.seconds_left()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for target, attempts in zip(targets, pool.map(_measure, targets), strict=True):
                yield _judged(seeing, target, attempts)


def _measure(target: Target) -> list[Attempt]:
    """Connect up to five times; two that hang are enough."""
    host, port = target
    try:
        found = addresses(host, port, seconds=CONNECT_SECONDS)
    except NameUnresolved as unresolved:
        return [Attempt(unresolved.code, unresolved.text, 0.0)]
    attempts: list[Attempt] = []
    while len(attempts) < TIMES and sum(one.code == "timeout" for one in attempts) < 2:
        attempts.append(connect_once(found, seconds=CONNECT_SECONDS))
    return attempts


def _judged(seeing: Seeing, target: Target, attempts: Sequence[Attempt]) -> Finding:
    name = f"{target[0]}:{target[1]}"
    rows = [f"{one.milliseconds:10.3f} ms  {one.code or 'accepted'}: {one.text}" for one in attempts]
    evidence = seeing.keep("timing", source=f"TCP connections to {name}", content=rows)
    taken = sorted(one.milliseconds for one in attempts if not one.code)
    if not taken:
        text = seeing.clean(f"no connection to {name}: {attempts[0].text}")
        return Finding(state=State.SKIP, code="latency.no_connection", message=text, target=name)
    limit = seeing.usual_threshold("p95_ms", P95_MS, key=name, times=TIMES_USUAL, unit="ms", at_least=LEAST_MS)
    p95, lost = _percentile(taken, 95), len(attempts) - len(taken)
    state, code = State.PASS, "latency.usual"
    said = f"{len(taken)} connections to {name} took {taken[0]:g} to {taken[-1]:g} ms"
    if p95 > limit.value:
        state, code, said = State.WARN, "latency.high", f"{said}, over {limit.value:g} ms"
    else:
        seeing.learn(name, p95)
    if lost:
        state, code, said = State.WARN, "latency.lossy", f"{lost} of {len(attempts)} connections to {name} failed"
    return Finding(
        state=state,
        code=code,
        message=said,
        target=name,
        measured={
            "p95": Measurement(p95, "ms"),
            "median": Measurement(_percentile(taken, 50), "ms"),
            "failed": Measurement(lost),
        },
        threshold=None if lost else limit,
        citations=(evidence.whole(),),
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    """Give the value at or below which so many percent lie (nearest rank) of sorted values."""
    return values[max(math.ceil(len(values) * percent / 100) - 1, 0)]

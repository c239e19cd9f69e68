"""Looks in killable processes (ours) beside looks in threads with a watchdog that replaces the worker (ADR 5)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.memory import peak_memory, settled_memory
from bench.harness.runs import Asker, wait_finished, write_stack
from bench.harness.site import Site, running_site
from bench.looking import checks
from bench.looking.apps import WATCHDOG, know_checks
from bench.looking.watchdog import Watchdog
from diagnostics.looking.look import Look, LookRequest, take_look
from diagnostics.looking.process import look_in_process, warm_up
from diagnostics.stack import StackConfig

SETTINGS = "bench.looking.settings"
SUITE = "database"  # a handful of checks, of which only the bench's apply
SLOTS = 4
HUNG_RUNS = SLOTS + 1
HUNG_STACKS = 2  # a stack has at most four runs at once
STACKS = (*(f"hung-{number}" for number in range(HUNG_STACKS)), "quiet", "slow")
SLOW_RUNS = 4
RUN_SECONDS = 60.0  # a run's own deadline (diagnostics.operations.runs)
WAIT_SECONDS = 75.0
SETTLE_SECONDS = 1.0
KEY = b"a key of the bench only, 32 bytes"
OTHER = "threads with a watchdog that replaces the worker"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one design did on a site."""

    idle_megabytes: float
    busy_megabytes: float
    second_stack_seconds: float
    all_ended_seconds: float
    lost_per_hung: float


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the cost of a look, then memory, isolation and losses of each design in a worker with four slots."""
    direct, process, thread = _look_milliseconds(rounds=20 if quick else 60)
    yield figure(
        "look_overhead",
        process - direct,
        "ms",
        beside=f"{OTHER}; both over taking the look directly, which takes {direct:.1f} ms",
        beside_value=max(thread - direct, 0.0),
    )
    if quick:
        return  # the other figures wait for deadlines
    with running_site(settings=SETTINGS) as site:
        asker = _prepare(site)
        ours = _measure(site, asker)
        other = _measure(site, asker, **{WATCHDOG: "1"})
    yield from _compared(ours, other)


def _compared(ours: Seen, other: Seen) -> Iterator[dict[str, Any]]:
    hung = f"{HUNG_RUNS} looks that hang past their deadline of {checks.DEADLINE_SECONDS:g} s, {SLOTS} slots"
    yield figure("look_worker_idle", ours.idle_megabytes, "MB", beside=OTHER, beside_value=other.idle_megabytes)
    yield figure(
        f"look_worker_{SLOTS}_hung", ours.busy_megabytes, "MB", beside=OTHER, beside_value=other.busy_megabytes
    )
    for name, seconds, besides in (
        ("second_stack_while_slots_hang", ours.second_stack_seconds, other.second_stack_seconds),
        ("hung_runs_all_ended", ours.all_ended_seconds, other.all_ended_seconds),
    ):
        yield figure(name, seconds, "s", beside=f"{OTHER}; {hung}", beside_value=besides, most=RUN_SECONDS)
    yield figure(
        "innocent_looks_lost_per_hung_look",
        ours.lost_per_hung,
        "looks",
        beside=f"{OTHER}; {SLOTS - 1} others looking",
        beside_value=other.lost_per_hung,
        most=0,
    )


def _look_milliseconds(*, rounds: int) -> tuple[float, float, float]:
    """Take the same small look directly, in a process and under a watchdog, in turns; give the middle of each."""
    stack = StackConfig(name="swift", environment="Development", vantage="process", root=Path("/"))
    request = LookRequest(
        slug=checks.Swift.slug, stack=stack, redaction_key=KEY, stored_secrets={"one": "a-s3cret-of-the-bench"}
    )
    know_checks()
    warm_up()
    ways: tuple[Callable[[LookRequest], Look], ...] = (take_look, look_in_process, Watchdog().look)
    times = [[_milliseconds(way, request) for way in ways] for _ in range(rounds)]
    direct, process, thread = (statistics.median(column) for column in zip(*times, strict=True))
    return direct, process, thread


def _milliseconds(way: Callable[[LookRequest], Look], request: LookRequest) -> float:
    began = time.perf_counter()
    result = way(request).result
    spent = (time.perf_counter() - began) * 1000
    if result.leading.code != "fine":
        raise MeasuringFailed(f"the look that should pass said {result.leading.code}: {result.leading.message}")
    return spent


def _prepare(site: Site) -> Asker:
    token = site.tokens()["demo-operator"]
    for name in STACKS:
        site.manage("apply_stack", str(write_stack(site.folder, name)))
    site.start("web")
    site.start("sweeper")
    return Asker(site.port, token)


def _measure(site: Site, asker: Asker, **variables: str) -> Seen:
    """Take a worker of one design through idleness, hung looks on two stacks, and innocent looks beside a hung one."""
    *hung, quiet, slow = [asker.open_incident(name) for name in STACKS]
    worker = site.start("worker", argv=_with_slots(site), **variables)
    with site.superuser() as connection:
        wait_finished(connection, [asker.ask_run(quiet, suite=SUITE)], seconds=WAIT_SECONDS)
        idle = settled_memory(worker.pid)
        busy, second, ended = _second_stack(connection, asker, hung, quiet, worker.pid)
        lost = _lost(connection, asker, hung[0], slow)
    site.stop("worker")
    return Seen(idle, busy, second, ended, lost)


def _with_slots(site: Site) -> tuple[str, ...]:
    argv = list(next(one for one in site.deployment.programs() if one.name == "worker").argv)
    argv[argv.index("-c") + 1] = str(SLOTS)
    return tuple(argv)


def _second_stack(
    connection: psycopg.Connection, asker: Asker, hung: list[int], quiet: int, worker: int
) -> tuple[float, float, float]:
    """Let every slot be taken by a hung look, then time a run on a stack that has no fault, and the hung ones' ends."""
    asked = time.monotonic()
    hung_runs = [asker.ask_run(hung[number % HUNG_STACKS], suite=SUITE) for number in range(HUNG_RUNS)]
    _wait_for_looks(connection, hung_runs, SLOTS)
    began = time.monotonic()
    quiet_run = asker.ask_run(quiet, suite=SUITE)
    ends_at = began + checks.DEADLINE_SECONDS / 2
    (busy,) = peak_memory(worker, until=lambda: time.monotonic() > ends_at)
    seconds = wait_finished(connection, [quiet_run], seconds=WAIT_SECONDS) - began
    ended = wait_finished(connection, hung_runs, seconds=WAIT_SECONDS) - asked
    return busy, seconds, ended


def _lost(connection: psycopg.Connection, asker: Asker, hung: int, slow: int) -> float:
    """Keep innocent looks going beside one that hangs, until it has its result; count those claimed more than once."""
    hung_run = asker.ask_run(hung, suite=SUITE)
    _wait_for_looks(connection, [hung_run], 1)
    slow_runs = [asker.ask_run(slow, suite=SUITE) for _ in range(SLOW_RUNS)]
    until = time.monotonic() + 2 * checks.LINGER_SECONDS
    while time.monotonic() < until:  # the slow ones must be looking when the hung one is noticed
        time.sleep(checks.LINGER_SECONDS / 3)
        slow_runs.append(asker.ask_run(slow, suite=SUITE))
    wait_finished(connection, [hung_run, *slow_runs], seconds=WAIT_SECONDS)
    lost = _count(connection, "sum(greatest(fence - 1, 0))", "slug = 'bench.slow'", slow_runs)
    return lost / max(_count(connection, "max(fence)", "slug = 'bench.hung'", [hung_run]), 1)


def _wait_for_looks(connection: psycopg.Connection, run_ids: list[int], number: int) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    looking = "slug = 'bench.hung' AND progress = 'looking'"
    while _count(connection, "count(*)", looking, run_ids) < number and time.monotonic() < ends_at:
        time.sleep(0.02)
    time.sleep(SETTLE_SECONDS)


def _count(connection: psycopg.Connection, what: str, where: str, run_ids: list[int]) -> int:
    statement = f"SELECT coalesce({what}, 0) FROM diagnostics_checkresult WHERE run_id = ANY(%s) AND {where}"  # noqa: S608
    row = connection.execute(statement, [run_ids]).fetchone()
    return int(row[0]) if row else 0

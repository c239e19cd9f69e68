"""DB-06: statements that are slow and often called, from pg_stat_statements.

Two samples 5 s apart show what happens now; the difference to the last good run (or, without one, everything since the
statistics were reset) shows what happened since. A statement counts as slow where, in one of the two, its mean is
20 ms or more at 100 calls or more [PgHero, slow_query_ms and slow_query_calls]: `statements.slow`. It has become slower
where its mean since the last run is more than 3 times its own middle over earlier good runs, of 20 calls or more and
no less than 1 ms [ours]: `statements.slower`. Both warn; the check never fails. Pass: `statements.fast`.
Skip: `pgss.absent` (the extension is not created in the database that is asked), `pgss.not_loaded`. Warn:
`statements.not_permitted` (texts of other roles cannot be seen: GRANT pg_monitor).
Thresholds: `mean_ms`, `calls`, `times_usual`, `sample_gap_seconds`. Texts are shown without literals, the 10 with the
most total time. Statements of the role that watches do not count. What never ends (a lock, a loop) has no mean yet:
that is database.blockers. What the guide writes, `docker-compose exec database pg_stat_statements`, cannot work: that
is a view of an extension, not a program.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import NO_DATABASES, server_name, servers, watching
from diagnostics.probes.postgres_statements import Cost, Statement, StatementsAbsent, statements_of
from diagnostics.stack import Database, StackConfig

MEAN_MS, CALLS, TIMES = 20.0, 100.0, 3.0
LEAST_CALLS, LEAST_MS = 20, 1.0  # below them a mean says nothing
GAP_SECONDS, MAX_GAP_SECONDS = 5.0, 8.0
SHOWN, FOUND = 10, 5
REMEMBERED = 60  # statements; three figures each


@dataclass(frozen=True, kw_only=True)
class Statements(Check):
    """Each database server once."""

    slug: ClassVar[str] = "database.statements"
    title: ClassVar[str] = "Statements take no longer than they should"
    suites: ClassVar[frozenset[str]] = frozenset({"database"})
    # Beside the checks that watch one after the other, as it waits longest: where connections are scarce it must not.
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct", "database.saturation")
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask every server twice."""
        yield from look_at_each(seeing, servers(seeing.stack), partial(_look_at, seeing), named=server_name)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One statement in the two windows, and what is usual for it."""

    statement: Statement
    now: Cost  # between the samples
    since: Cost  # since the last good run
    usual: Threshold | None

    @property
    def line(self) -> str:
        """Give it as evidence shows it."""
        now = f"; in the last seconds {self.now.calls:g} calls, mean {self.now.mean:.1f} ms" if self.now.calls else ""
        since = f"{self.since.calls:g} calls, mean {self.since.mean:.1f} ms, total {self.since.milliseconds:.0f} ms"
        return f"{self.statement.database}: {since}{now}: {self.statement.text}"


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    target = server_name(database)
    gap = min(seeing.threshold("sample_gap_seconds", GAP_SECONDS, unit="s").value, MAX_GAP_SECONDS)
    try:
        first, _ = _sample(seeing, database)
        time.sleep(seeing.seconds_left(at_most=gap))  # without a connection meanwhile
        second, hidden = _sample(seeing, database)
    except StatementsAbsent as absent:
        yield Finding(state=State.SKIP, code=absent.code, message=f"{target}: {absent}", target=target)
        return
    seen = [_seen(seeing, one, first.get(key)) for key, one in second.items()]
    seen.sort(key=lambda one: -one.since.milliseconds)
    _remember(seeing, second)
    evidence = _keep(seeing, target, seen)
    findings = [*_slow(seeing, target, seen, evidence), *_hidden(target, hidden, evidence)]
    yield from findings or [_fast(seeing, target, seen, evidence)]


def _sample(seeing: Seeing, database: Database) -> tuple[Mapping[str, Statement], int]:
    with watching(seeing, database) as connection:
        return statements_of(connection)


def _seen(seeing: Seeing, statement: Statement, earlier: Statement | None) -> _Seen:
    calls, total = (seeing.baseline.last(f"{name} {statement.key}") for name in ("calls", "total"))
    last = Cost(calls, total) if calls is not None and total is not None else None
    times = seeing.threshold("times_usual", TIMES, unit="").value
    usual = seeing.usual_threshold(
        "usual_ms", 0.0, key=f"mean {statement.key}", times=times, unit="ms", at_least=LEAST_MS
    )
    return _Seen(
        statement,
        now=statement.cost.since(earlier.cost) if earlier else Cost(0, 0),
        since=statement.cost.since(last),
        usual=usual if usual.source == "baseline" else None,
    )


def _remember(seeing: Seeing, statements: Mapping[str, Statement]) -> None:
    """Learn of the costliest what they have cost up to now, and their mean since the last time."""
    for one in sorted(statements.values(), key=lambda one: -one.cost.milliseconds)[:REMEMBERED]:
        calls, total = (seeing.baseline.last(f"{name} {one.key}") for name in ("calls", "total"))
        since = one.cost.since(Cost(calls, total) if calls is not None and total is not None else None)
        if since.calls >= LEAST_CALLS:
            seeing.learn(f"mean {one.key}", since.mean)
        seeing.learn(f"calls {one.key}", one.cost.calls)
        seeing.learn(f"total {one.key}", one.cost.milliseconds)


def _keep(seeing: Seeing, target: str, seen: list[_Seen]) -> Evidence:
    lines = [one.line for one in seen[:SHOWN]] or ["no statement is known"]
    return seeing.keep("query_result", source=f"{target}: pg_stat_statements, twice", content=lines)


def _slow(seeing: Seeing, target: str, seen: list[_Seen], evidence: Evidence) -> Iterator[Finding]:
    mean = seeing.threshold("mean_ms", MEAN_MS, unit="ms", reference="PgHero slow_query_ms")
    calls = seeing.threshold("calls", CALLS, unit="", reference="PgHero slow_query_calls")
    found = 0
    for number, one in enumerate(seen, start=1):
        windows = [cost for cost in (one.since, one.now) if cost.mean >= mean.value and cost.calls >= calls.value]
        if windows:
            code, cost, limit, than = "statements.slow", windows[0], mean, ""
        elif one.usual and one.since.calls >= LEAST_CALLS and one.since.mean > one.usual.value:
            code, cost, limit, than = "statements.slower", one.since, one.usual, ", more than is usual for it"
        else:
            continue
        if (found := found + 1) > FOUND:
            return
        text = f"mean {cost.mean:.1f} ms at {cost.calls:g} calls{than}: {one.statement.text}"
        yield Finding(
            state=State.WARN,
            code=code,
            message=seeing.clean(f"{one.statement.database}: {text}"),
            target=target,
            measured={"mean": Measurement(round(cost.mean, 2), "ms"), "calls": Measurement(cost.calls)},
            threshold=limit,
            citations=(_line(seeing, evidence, number, one),),
        )


def _line(seeing: Seeing, evidence: Evidence, number: int, one: _Seen) -> Citation:
    """Cite its line; a statement that is not among those with the most total time is shown for itself."""
    if number <= SHOWN:
        return evidence.lines(number)
    return seeing.keep("query_result", source=evidence.source, content=one.line).whole()


def _hidden(target: str, hidden: int, evidence: Evidence) -> Iterator[Finding]:
    if hidden:
        text = f"{hidden} statement(s) of other roles cannot be seen: GRANT pg_monitor to the watching role"
        yield Finding(
            state=State.WARN,
            code="statements.not_permitted",
            message=f"{target}: {text}",
            target=target,
            citations=(evidence.whole(),),
        )


def _fast(seeing: Seeing, target: str, seen: list[_Seen], evidence: Evidence) -> Finding:
    slowest = max((one.since.mean for one in seen if one.since.calls >= LEAST_CALLS), default=0.0)
    text = f"{len(seen)} statements, none slow and often called; the slowest mean is {slowest:.1f} ms"
    return Finding(
        state=State.PASS,
        code="statements.fast",
        message=f"{target}: {text}",
        target=target,
        measured={"slowest_mean": Measurement(round(slowest, 2), "ms")},
        citations=(evidence.whole(),),
    )

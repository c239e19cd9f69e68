"""AGT-05: whether agents are alive and their runs come to good ends, by the application's own tables.

Read are the tables that [agents] names, by the monitor's login (who needs SELECT on them), read-only, at most the
newest 10 000 runs of the last hour [ours]; names of tables and columns are quoted as SQL identifiers.
Fail: `agents.none_alive`, `agents.heartbeat_stale` from 10 intervals on [ours]. Warn: the latter from 3 intervals on;
`runs.failing`: of at least 10 ended runs more failed than three times what is usual here, at least 5 % (50 % until
enough is known) [ours]; `runs.overdue`: the oldest run that is not over is older than `run_seconds` (3600 [ours]).
Pass: `agents.alive`, `runs.counted`. Error: not_permitted (says what to GRANT), `agents.no_such_table`,
`postgres.statement_timeout` (5 s). An agent silent for a day counts as gone, unless all are.
Thresholds: stale_times, stale_fail_times, failed_percent, run_seconds, window_minutes, gone_hours.
Ages are taken by the server's clock; a column without time zone is taken for UTC, a number for seconds or milliseconds
since 1970. A dead worker is told by agents.workers_and_queues, which this check requires.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import could_not_look
from diagnostics.checks.result import Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import watchers_before, watching
from diagnostics.probes.agent_tables import Beat, RunOf, beats, states, unfinished
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.stack import Agents, Heartbeats, Runs, StackConfig

STALE_TIMES, STALE_FAIL_TIMES = 3.0, 10.0
GONE_HOURS = 24.0
FAILED_PERCENT, LEAST_PERCENT, TIMES_USUAL = 50.0, 5.0, 3.0
LEAST_RUNS = 10
RUN_SECONDS = 3600.0
WINDOW_MINUTES = 60.0
SHOWN = 50

Verdict = tuple[State, str, str, Threshold | None]


@dataclass(frozen=True, kw_only=True)
class AgentRuns(Check):
    """The tables that [agents] names."""

    slug: ClassVar[str] = "agents.runs"
    title: ClassVar[str] = "Agents are alive, and their runs come to good ends"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = (
        "database.postgres_direct",
        "database.migrations",
        "agents.workers_and_queues",
    )
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where the application's tables are described."""
        described = stack.agents and (stack.agents.heartbeats or stack.agents.runs)
        return None if described else "the stack describes no [agents.heartbeats] or [agents.runs]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read both tables over one connection; what keeps one from being read does not hide the other."""
        agents = seeing.stack.agents
        assert agents is not None
        database = seeing.stack.databases[agents.database]
        with watching(seeing, database) as connection:
            for table in (agents.heartbeats, agents.runs):
                try:
                    if isinstance(table, Heartbeats):
                        yield from _heartbeats(seeing, agents, table, beats(connection, table))
                    elif table is not None:
                        minutes = seeing.threshold("window_minutes", WINDOW_MINUTES, unit="min").value
                        counts = states(connection, table, minutes=minutes)
                        yield from _runs(seeing, agents, table, counts, unfinished(connection, table), minutes)
                except CouldNotLook as error:
                    yield could_not_look(seeing, error, target=error.target or database.name)


def _heartbeats(seeing: Seeing, agents: Agents, table: Heartbeats, found: Sequence[Beat]) -> Iterator[Finding]:
    gone = seeing.threshold("gone_hours", GONE_HOURS, unit="h").value * 3600
    present = [one for one in found if one.age_seconds is not None and one.age_seconds <= gone]
    warn = seeing.threshold("stale_times", STALE_TIMES, unit="intervals")
    fail = seeing.threshold("stale_fail_times", STALE_FAIL_TIMES, unit="intervals")
    lines = [_beat_line(one) for one in found[:SHOWN]] or ["no agent"]
    cited = seeing.keep("query_result", source=f"{agents.database}: {table.table}", content=lines).whole()
    measured = {"agents": Measurement(len(found)), "silent_for_a_day": Measurement(len(found) - len(present))}

    def finding(state: State, code: str, text: str, threshold: Threshold | None = None) -> Finding:
        return Finding(
            state=state,
            code=code,
            message=seeing.clean(text),
            target=table.table,
            measured=measured,
            threshold=threshold,
            citations=(cited,),
        )

    stale = [one for one in present if _times(one) > warn.value]
    if not any(_times(one) <= fail.value for one in present):
        last = f"; the last beat was {_beat_line(found[0])}" if found else ""
        yield finding(State.FAIL, "agents.none_alive", f"none of {len(found)} agents is alive{last}", fail)
    elif stale:
        worst = max(stale, key=_times)
        limit = fail if _times(worst) > fail.value else warn
        text = f"{len(stale)} of {len(present)} agents are late: {_beat_line(worst)}"
        yield finding(State.FAIL if limit is fail else State.WARN, "agents.heartbeat_stale", text, limit)
    else:
        yield finding(State.PASS, "agents.alive", f"{len(present)} agents are alive")


def _times(beat: Beat) -> float:
    return (beat.age_seconds or 0.0) / beat.interval_seconds


def _beat_line(beat: Beat) -> str:
    age = "never" if beat.age_seconds is None else f"{beat.age_seconds:.1f} s ago"
    return f"{beat.name}, {age}, every {beat.interval_seconds:g} s"


@dataclass(frozen=True, slots=True)
class Counted:
    """The runs of the window, and the oldest that are not over."""

    ended: int
    failed: int
    total: int
    open_runs: Sequence[RunOf]
    minutes: float

    @property
    def percent(self) -> float:
        """Give the share of those that ended which failed."""
        return 100 * self.failed / self.ended if self.ended else 0.0


def _runs(
    seeing: Seeing, agents: Agents, table: Runs, counts: dict[str, int], open_runs: Sequence[RunOf], minutes: float
) -> Iterator[Finding]:
    lines = [f"{state}: {count}" for state, count in sorted(counts.items(), key=lambda one: -one[1])[:SHOWN]]
    lines += [f"not over: {_run(run)}" for run in open_runs]
    cited = seeing.keep("query_result", source=f"{agents.database}: {table.table}", content=lines or ["no run"])
    failed, ended = (sum(counts.get(state, 0) for state in kind) for kind in (table.failed, _ended(table)))
    counted = Counted(ended, failed, sum(counts.values()), open_runs, minutes)
    text = f"{failed} of {ended} runs that ended in {minutes:g} min failed"
    good: list[Verdict] = [(State.PASS, "runs.counted", text, None)]
    for state, code, said, threshold in list(_verdicts(seeing, counted)) or good:
        yield Finding(
            state=state,
            code=code,
            message=seeing.clean(said),
            target=table.table,
            measured={
                "runs": Measurement(counted.total),
                "failed": Measurement(round(counted.percent, 1), "%"),
                "oldest_unfinished": Measurement(open_runs[0].age_seconds if open_runs else None, "s"),
            },
            threshold=threshold,
            citations=(cited.whole(),),
        )


def _verdicts(seeing: Seeing, counted: Counted) -> Iterator[Verdict]:
    limit = seeing.usual_threshold(
        "failed_percent", FAILED_PERCENT, key="failed percent", times=TIMES_USUAL, unit="%", at_least=LEAST_PERCENT
    )
    if counted.ended >= LEAST_RUNS and counted.percent > limit.value:
        shares = f"{counted.failed} of {counted.ended} runs that ended in {counted.minutes:g} min failed"
        yield State.WARN, "runs.failing", f"{shares} ({counted.percent:.0f} %)", limit
    elif counted.ended >= LEAST_RUNS:
        seeing.learn("failed percent", counted.percent)
    late = seeing.threshold("run_seconds", RUN_SECONDS, unit="s")
    oldest = next((run for run in counted.open_runs if (run.age_seconds or 0.0) > late.value), None)
    if oldest:
        yield State.WARN, "runs.overdue", f"the oldest run that is not over is {_run(oldest)}", late


def _ended(table: Runs) -> tuple[str, ...]:
    return (*table.succeeded, *table.failed)


def _run(run: RunOf) -> str:
    return f"{run.id}, {'of unknown age' if run.age_seconds is None else f'{run.age_seconds:.0f} s old'}"

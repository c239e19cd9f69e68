"""Agents and runs in real tables of a real server, of every kind of column, healthy, late, failing and closed to us."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Agents, Heartbeats, Runs
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import APPLICATION, WATCHER, Server
from tests.diagnostics.looks import codes, found
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.runs"
BEATS = Heartbeats(table="agents", interval_seconds=5)
RUNS = Runs(table="runs", started_at="started_at")


@contextlib.contextmanager
def table(server: Server, name: str, columns: str, *rows: tuple[Any, ...], readable: bool = True) -> Iterator[None]:
    """Make a table of the application's, which the monitor may read."""
    place = sql.Identifier(*name.split("."))
    with server.client(user=APPLICATION) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(place, sql.SQL(columns)))
        if readable:
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(place, sql.Identifier(WATCHER)))
        for row in rows:
            values = sql.SQL(", ").join(map(sql.SQL, row))
            connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(place, values))
        try:
            yield
        finally:
            connection.execute(sql.SQL("DROP TABLE {}").format(place))


def ago(seconds: float) -> str:
    return f"now() - interval '{seconds} seconds'"


def agents_table(server: Server, *ages: float | None, **more: Any) -> contextlib.AbstractContextManager[None]:
    rows = [(f"'agent-{number}'", "NULL" if age is None else ago(age)) for number, age in enumerate(ages)]
    return table(server, "agents", "name text, heartbeat_at timestamptz", *rows, **more)


def runs_table(server: Server, **counts: int) -> contextlib.AbstractContextManager[None]:
    rows = [(f"'{state}-{n}'", f"'{state}'", ago(60), ago(30)) for state, count in counts.items() for n in range(count)]
    return table(server, "runs", "id text, state text, started_at timestamptz, updated_at timestamptz", *rows)


def look(
    server: Server,
    *,
    heartbeats: Heartbeats | None = None,
    runs: Runs | None = None,
    baseline: Baseline = looks.NOTHING_USUAL,
    limits: dict[str, float] | None = None,
) -> Result:
    agents = Agents(database="books", heartbeats=heartbeats, runs=runs)
    config = dataclasses.replace(server.stack(limits={SLUG: limits or {}}), agents=agents)
    return looks.look(SLUG, config, baseline=baseline)


def test_agents_that_beat_and_runs_that_end_well_pass(ledger: Server) -> None:
    with agents_table(ledger, 1, 4), runs_table(ledger, done=20, failed=1, running=2):
        result = look(ledger, heartbeats=BEATS, runs=RUNS)
    shows(HEALTHY, result)
    assert codes(result) == {"agents.alive", "runs.counted"}
    assert found(result, "runs.counted").message == "1 of 21 runs that ended in 60 min failed"
    assert re.search(r"not over: running-0, 6\d s old", result.evidence[1].content)


@pytest.mark.parametrize(("age", "state"), [(20, State.WARN), (60, State.FAIL)])
def test_an_agent_that_is_late_warns_and_then_fails(ledger: Server, age: float, state: State) -> None:
    with agents_table(ledger, 1, age):
        result = look(ledger, heartbeats=BEATS)
    shows(fault("an agent's heartbeat is late" if state is State.WARN else "an agent's heartbeat stands still"), result)
    finding = found(result, "agents.heartbeat_stale")
    assert finding.state is state
    assert finding.message.startswith("1 of 2 agents are late: agent-1, ")


@pytest.mark.parametrize("ages", [(), (60.0, 90.0), (None,), (200_000.0,)])
def test_where_no_agent_is_alive_it_fails(ledger: Server, ages: tuple[float | None, ...]) -> None:
    with agents_table(ledger, *ages):
        result = look(ledger, heartbeats=BEATS)
    shows(fault("no agent is alive"), result)
    assert found(result, "agents.none_alive").state is State.FAIL


def test_an_agent_that_is_gone_for_a_day_does_not_count(ledger: Server) -> None:
    with agents_table(ledger, 1, 200_000):
        assert codes(look(ledger, heartbeats=BEATS)) == {"agents.alive"}


def test_each_agent_may_have_its_own_interval(ledger: Server) -> None:
    rows = [("'slow'", ago(100), "60"), ("'quick'", ago(1), "1"), ("'odd'", ago(1), "0")]
    with table(ledger, "agents", "name text, heartbeat_at timestamptz, every int", *rows):
        assert codes(look(ledger, heartbeats=dataclasses.replace(BEATS, interval="every"))) == {"agents.alive"}


def test_runs_that_fail_more_than_usual_warn(ledger: Server) -> None:
    with runs_table(ledger, done=16, failed=4):
        assert codes(look(ledger, runs=RUNS)) == {"runs.counted"}
        result = look(ledger, runs=RUNS, baseline=Baseline({"failed percent": [1.0, 0.0, 2.0, 1.0, 1.0]}))
        assert codes(look(ledger, runs=RUNS, baseline=Baseline({"failed percent": [9.0] * 5}))) == {"runs.counted"}
    shows(fault("more runs fail than usual"), result)
    finding = found(result, "runs.failing")
    assert finding.threshold is not None
    assert (finding.threshold.value, finding.threshold.source) == (5, "baseline")


def test_most_runs_failing_warns_without_knowing_what_is_usual(ledger: Server) -> None:
    with runs_table(ledger, done=4, failed=12):
        assert found(look(ledger, runs=RUNS), "runs.failing").state is State.WARN


def test_a_handful_of_runs_says_nothing(ledger: Server) -> None:
    with runs_table(ledger, failed=9):
        assert codes(look(ledger, runs=RUNS)) == {"runs.counted"}


def test_a_run_that_is_not_over_for_long_warns(ledger: Server) -> None:
    with runs_table(ledger, running=1):
        result = look(ledger, runs=RUNS, limits={"run_seconds": 50})
    shows(fault("a run does not come to an end"), result)
    assert re.search(r"running-0, 6\d s old", found(result, "runs.overdue").message)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("timestamp", "now() AT TIME ZONE 'UTC' - interval '{} seconds'"),
        ("double precision", "extract(epoch FROM now()) - {}"),
        ("bigint", "(extract(epoch FROM now()) * 1000)::bigint - {} * 1000"),
        ("numeric", "extract(epoch FROM now()) - {}"),
    ],
)
def test_times_of_every_kind_of_column_are_read(ledger: Server, kind: str, value: str) -> None:
    heartbeats = [("'late'", value.format(20))]
    runs = [(f"'{n}'", "'failed'", value.format(age)) for n, age in enumerate([10] * 10 + [9000] * 30)]
    with (
        table(ledger, "agents", f"name text, heartbeat_at {kind}", *heartbeats),
        table(ledger, "runs", f"id text, state text, updated_at {kind}", *runs),
    ):
        result = look(ledger, heartbeats=BEATS, runs=Runs(table="runs"))
    assert codes(result) == {"agents.heartbeat_stale", "runs.failing"}
    assert found(result, "runs.failing").message.startswith("10 of 10 runs")


EVIL = 'no"; DROP TABLE secrets; --'


def test_names_are_identifiers_whatever_stands_in_them(ledger: Server) -> None:
    with (
        table(ledger, "secrets", "id int"),
        table(ledger, EVIL, '"the \'id\'" text, "%s state" text, "at" timestamptz', ("'a'", "'done'", ago(1))),
    ):
        result = look(ledger, runs=Runs(table=EVIL, id="the 'id'", state="%s state", at="at"))
        assert codes(result) == {"runs.counted"}
        with ledger.superuser() as connection:
            assert connection.execute("SELECT count(*) FROM secrets").fetchone() == (0,)


def test_a_table_that_is_not_there_could_not_be_looked_at_and_hides_no_other(ledger: Server) -> None:
    with agents_table(ledger, 1):
        for runs in (Runs(table="nowhere"), Runs(table="no.where"), Runs(table="agents", state="mood")):
            result = look(ledger, heartbeats=BEATS, runs=runs)
            assert codes(result) == {"agents.alive", "agents.no_such_table"}
            assert found(result, "agents.no_such_table").state is State.ERROR


def test_a_table_that_the_monitor_may_not_read_is_an_error_that_says_what_to_grant(ledger: Server) -> None:
    with agents_table(ledger, 1, readable=False):
        finding = found(look(ledger, heartbeats=BEATS), "not_permitted")
    assert finding.state is State.ERROR
    assert f"GRANT SELECT ON agents TO {WATCHER}" in finding.message


def test_a_server_that_never_answers_could_not_be_looked_at(ledger: Server) -> None:
    with serving(hanging) as port:
        config = ledger.stack(port=port)
        began = time.monotonic()
        result = looks.look(SLUG, dataclasses.replace(config, agents=Agents(database="books", heartbeats=BEATS)))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.timeout")
    assert time.monotonic() - began < 6


def test_a_stack_without_tables_of_agents_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, looks.stack(tmp_path))) == {"not_applicable"}

"""DB-06: statements that a real server really ran, fast and slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from diagnostics.checks.baseline import Baseline, grown
from diagnostics.checks.result import Result, State
from diagnostics.looking import LookRequest, take_look
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import Server, running_server
from tests.diagnostics.servers import hanging, serving

SLUG = "database.statements"
QUICK = {"sample_gap_seconds": 0.1}
SECRET = "the-customer-is-4711"


@pytest.fixture
def counting(server: Server) -> Iterator[Server]:
    with server.superuser() as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("SELECT pg_stat_statements_reset()")
        yield server
        connection.execute("DROP EXTENSION pg_stat_statements")


def call(server: Server, statement: str, times: int) -> None:
    with server.client() as connection:
        for _ in range(times):
            connection.execute(statement.encode())


def look(
    server: Server, *, limits: dict[str, float] | None = None, values: Mapping[str, Sequence[float]] | None = None
) -> Result:
    config = server.stack(limits={SLUG: QUICK | (limits or {})})
    result = looks.look(SLUG, config, baseline=Baseline(values or {}))
    assert SECRET not in repr(result)
    return result


def test_fast_statements_pass_and_are_shown_without_literals(counting: Server) -> None:
    call(counting, f"SELECT count(*) FROM entries WHERE '{SECRET}' <> ''", 150)  # noqa: S608
    result = look(counting)
    assert (result.state, looks.codes(result)) == (State.PASS, {"statements.fast"})
    lines = result.evidence[0].content.splitlines()
    assert any("150 calls" in line and "FROM entries WHERE" in line for line in lines)
    shows(HEALTHY, result)


def test_a_slow_statement_that_is_called_often_warns(counting: Server) -> None:
    call(counting, f"SELECT pg_sleep(0.021), '{SECRET}'", 101)
    result = look(counting)
    assert (result.state, result.leading.code) == (State.WARN, "statements.slow")
    assert "at 101 calls: SELECT pg_sleep($1), $2" in result.leading.message
    assert result.leading.threshold is not None
    assert (result.leading.threshold.value, result.leading.threshold.reference) == (20, "PgHero slow_query_ms")
    assert len(result.leading.citations) == 1
    shows(fault("a slow statement, called often"), result)


def test_a_slow_statement_that_is_called_seldom_passes(counting: Server) -> None:
    call(counting, "SELECT pg_sleep(0.05)", 3)
    assert look(counting).state is State.PASS


def test_only_what_happened_since_the_last_good_run_counts(counting: Server) -> None:
    call(counting, "SELECT pg_sleep(0.021)", 101)
    config = counting.stack(limits={SLUG: QUICK})
    learned = take_look(LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY)).learning
    assert look(counting, values=grown({}, learned)).state is State.PASS
    assert look(counting).state is State.WARN


def test_a_statement_that_has_become_slower_than_usual_warns(counting: Server) -> None:
    call(counting, "SELECT pg_sleep(0.001)", 30)
    values: dict[str, list[float]] = {}
    config = counting.stack(limits={SLUG: QUICK})
    for _ in range(5):
        baseline = Baseline(values)
        learned = take_look(LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY, baseline=baseline)).learning
        values = grown(values, learned)
        call(counting, "SELECT pg_sleep(0.001)", 30)
    assert look(counting, values=values).state is State.PASS
    request = LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY, baseline=Baseline(values))
    learned = take_look(request).learning
    call(counting, "SELECT pg_sleep(0.012)", 30)
    result = look(counting, values=grown(values, learned))
    assert (result.state, result.leading.code) == (State.WARN, "statements.slower")
    assert result.leading.threshold is not None
    assert result.leading.threshold.source == "baseline"
    shows(fault("a statement 3 times as slow as usual"), result)


def test_what_happens_between_the_samples_counts_for_itself(counting: Server) -> None:
    """A statement that was always fast, and is slow now."""
    call(counting, "SELECT pg_sleep(0.0001)", 2000)
    ends = threading.Event()

    def go_on() -> None:
        with counting.client() as connection:
            while not ends.is_set():
                connection.execute("SELECT pg_sleep(0.03)")

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        result = look(counting, limits={"sample_gap_seconds": 1.5, "calls": 20})
    finally:
        ends.set()
        thread.join(10)
    assert (result.state, result.leading.code) == (State.WARN, "statements.slow")


def test_without_the_extension_it_is_skipped(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("DROP EXTENSION IF EXISTS pg_stat_statements")
    result = look(server)
    assert (result.state, result.leading.code, result.is_blocking) == (State.SKIP, "pgss.absent", False)
    shows(fault("the extension is absent"), result)


def test_without_its_library_it_is_skipped() -> None:
    with running_server(shared_preload_libraries="") as other:
        with other.superuser() as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        result = look(other)
    assert (result.state, result.leading.code) == (State.SKIP, "pgss.not_loaded")


def test_texts_that_may_not_be_seen_warn(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        try:
            connection.execute("SELECT 1 + 1")
            result = looks.look(SLUG, server.stack(limits={SLUG: QUICK}, monitor=None))
        finally:
            connection.execute("DROP EXTENSION pg_stat_statements")
    assert (result.state, result.leading.code) == (State.WARN, "statements.not_permitted")


def test_a_server_that_never_answers_could_not_be_looked_at(server: Server) -> None:
    with serving(hanging) as port:
        result = looks.look(SLUG, server.stack(port=port))
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.timeout")
    shows(HANGING, result)

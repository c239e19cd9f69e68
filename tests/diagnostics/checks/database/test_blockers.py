"""DB-05 with real sessions that hold real locks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg

from diagnostics.checks.result import Result, State
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import WATCHER, Server, wait_until
from tests.diagnostics.servers import hanging, serving

SLUG = "database.blockers"
QUICK = {"lock_wait_seconds": 0.2, "lock_wait_fail_seconds": 0.4}
QUICK_IDLE = {"idle_in_transaction_seconds": 0.2, "idle_in_transaction_fail_seconds": 0.4}
SECRET = "the-customer-is-4711"
READ = "SELECT count(*) FROM entries WHERE 'the-customer-is-4711' <> ''"
INSERT = "INSERT INTO entries SELECT 1000 FROM generate_series(1, 1) WHERE 'the-customer-is-4711' <> ''"

IS_WAITING = """
SELECT state = 'active' AND query_start < clock_timestamp() - interval '0.5 s' FROM pg_stat_activity WHERE pid = %s
"""


LOCK = "LOCK TABLE entries IN ACCESS EXCLUSIVE MODE"


def look(server: Server, limits: dict[str, float] | None = None, **database: object) -> Result:
    result = looks.look(SLUG, server.stack(limits={SLUG: limits or {}}, **database))
    assert SECRET not in repr(result)
    return result


@contextlib.contextmanager
def in_transaction(server: Server, *statements: str, application: str) -> Iterator[psycopg.Connection]:
    with server.client(application=application) as connection:
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement.encode())
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def waiting(server: Server, statement: str, *, application: str) -> Iterator[None]:
    """Run a statement that will wait, in a thread, until it is cancelled."""
    with server.client(application=application) as connection, server.superuser() as observer:
        pid = connection.info.backend_pid

        def wait() -> None:
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement.encode())

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: observer.execute(IS_WAITING, [pid]).fetchone() == (True,))
        try:
            yield
        finally:
            observer.execute("SELECT pg_cancel_backend(%s)", [pid])
            thread.join(10)


def test_a_server_where_nobody_waits_passes(server: Server) -> None:
    with in_transaction(server, READ, application="till"):
        result = look(server)
    assert (result.state, looks.codes(result)) == (State.PASS, {"blockers.none"})
    assert "till (clerk@ledger from 127.0.0.1): idle in transaction" in result.evidence[0].content
    assert "SELECT count(*) FROM entries WHERE ? <> ?" in result.evidence[0].content
    shows(HEALTHY, result)


def test_a_lock_held_by_an_idle_transaction_names_the_root_of_the_tree(server: Server) -> None:
    with (
        in_transaction(server, LOCK, application="nightly-maintenance"),
        waiting(server, "SELECT count(*) FROM entries", application="report"),
        waiting(server, INSERT, application="till"),
    ):
        result = look(server, QUICK)
        unhurried = look(server)
    finding = looks.found(result, "blockers.lock_wait")
    assert finding.state is State.FAIL
    assert "nightly-maintenance" in finding.message
    assert "idle in transaction, keeps 2 sessions waiting" in finding.message
    assert "AccessShareLock on entries" in finding.message
    lines = result.evidence[0].content.splitlines()
    assert lines[0].split(": ", 1)[1].startswith("idle in transaction for")
    assert [line.startswith("  pid") for line in lines[:3]] == [False, True, True]
    assert {citation.first_line for citation in finding.citations} == {1, 2, 3}
    assert unhurried.state is State.PASS, "the limits of the table are one and two minutes"
    shows(fault("a lock held by an idle transaction"), result)


def test_a_short_wait_behind_a_transaction_that_idles_is_told(server: Server) -> None:
    with in_transaction(server, LOCK, application="nightly-maintenance"):
        time.sleep(2.1)
        with waiting(server, INSERT, application="till"):
            result = look(server)
    finding = looks.found(result, "blockers.waiting")
    assert finding.state is State.PASS
    assert isinstance(waits := finding.measured["waits"].value, float)
    assert isinstance(idle := finding.measured["idle"].value, float)
    assert waits < 2 <= idle
    assert "nightly-maintenance" in finding.message
    assert {citation.first_line for citation in finding.citations} == {1, 2}


def test_who_waits_again_a_moment_later_is_seen(server: Server) -> None:
    """As where a statement timed out and its program tries again: at one moment of several nobody waits."""
    with in_transaction(server, LOCK, application="nightly-maintenance"), contextlib.ExitStack() as later:
        time.sleep(2.1)
        timer = threading.Timer(0.3, lambda: later.enter_context(waiting(server, INSERT, application="till")))
        timer.start()
        result = look(server)
        timer.join()
    assert looks.codes(result) == {"blockers.waiting"}


def test_a_transaction_that_idles_and_holds_nobody_up_is_no_hint(server: Server) -> None:
    with in_transaction(server, LOCK, application="nightly-maintenance"):
        time.sleep(2.1)
        result = look(server)
    assert looks.codes(result) == {"blockers.none"}


def test_who_waits_behind_who_waits_stands_below_the_same_root(server: Server) -> None:
    with (
        in_transaction(server, "SELECT count(*) FROM entries", application="reader"),
        waiting(server, "ALTER TABLE entries ADD COLUMN note text", application="migration"),
        waiting(server, "SELECT count(*) FROM entries", application="till"),
    ):
        result = look(server, QUICK)
    finding = looks.found(result, "blockers.lock_wait")
    assert " reader (" in finding.message.split(" keeps ")[0]
    assert finding.measured["waiting"].value == 2
    lines = result.evidence[0].content.splitlines()
    assert ["reader" in lines[0], "  pid" in lines[1], "    pid" in lines[2]] == [True, True, True]


def test_a_prepared_transaction_at_the_root_is_called_so(server: Server) -> None:
    with server.client() as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
        connection.execute("PREPARE TRANSACTION 'left-behind'")
        try:
            with waiting(server, "SELECT count(*) FROM entries", application="till"):
                finding = looks.found(look(server, QUICK), "blockers.lock_wait")
        finally:
            connection.execute("ROLLBACK PREPARED 'left-behind'")
    assert finding.message.startswith("a prepared transaction")


def test_a_long_idle_transaction_warns_then_fails(server: Server) -> None:
    with in_transaction(server, "SELECT 1", application="batch-importer") as connection:
        pid = connection.info.backend_pid
        with server.superuser() as observer:
            old = "SELECT state_change < now() - interval '0.5 s' FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: observer.execute(old, [pid]).fetchone() == (True,))
        warned = look(server, {"idle_in_transaction_seconds": 0.2})
        failed = look(server, QUICK_IDLE)
    assert (warned.state, warned.leading.code) == (State.WARN, "blockers.idle_in_transaction")
    assert warned.leading.threshold is not None
    assert warned.leading.threshold.source == "config"
    assert (failed.state, failed.leading.code) == (State.FAIL, "blockers.idle_in_transaction")
    assert "batch-importer (clerk@ledger from 127.0.0.1) keeps a transaction open" in failed.leading.message
    shows(fault("a transaction long idle"), failed)


def test_a_long_statement_warns(server: Server) -> None:
    with waiting(server, f"SELECT pg_sleep(30), '{SECRET}'", application="report"):
        result = look(server, {"query_seconds": 0.3})
    assert (result.state, result.leading.code) == (State.WARN, "blockers.long_query")
    assert "SELECT pg_sleep(?), ?" in result.evidence[0].content
    shows(fault("a long statement"), result)


def test_a_role_that_may_not_look_into_sessions_says_so(server: Server) -> None:
    with server.superuser() as connection, server.client():
        connection.execute("BEGIN")
        connection.execute("SELECT 1")
        result = look(server, monitor=None)
        connection.execute("ROLLBACK")
    assert (result.state, result.leading.code) == (State.WARN, "blockers.not_permitted")


def test_a_server_that_never_answers_could_not_be_looked_at(server: Server) -> None:
    with serving(hanging) as port:
        result = look(server, port=port)
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.timeout")
    assert WATCHER in result.leading.message
    shows(HANGING, result)

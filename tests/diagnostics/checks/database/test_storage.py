"""DB-08: a real server with slots that nobody uses, prepared transactions that nobody ends, and dead rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from diagnostics.checks.baseline import Baseline, grown
from diagnostics.checks.result import Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.stack import Host, Service
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import Server, wait_until
from tests.diagnostics.servers import hanging, serving

SLUG = "database.storage"


def look(
    server: Server, *, limits: Mapping[str, float] | None = None, paths: tuple[Path, ...] = (), **more: object
) -> Result:
    config = server.stack(limits={SLUG: dict(limits or {})}, **more)
    service = Service(name="ledger", role="database", pid_file=server.cluster.data / "postmaster.pid")
    tables = {"services": {"ledger": service}, "databases": config.databases, "thresholds": config.thresholds}
    return looks.look(SLUG, looks.stack(server.root, **tables, host=Host(paths=paths)))


@contextlib.contextmanager
def prepared(server: Server) -> Iterator[None]:
    with server.client() as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO entries (amount) VALUES (1)")
        connection.execute("PREPARE TRANSACTION 'left-behind'")
        try:
            yield
        finally:
            connection.execute("ROLLBACK PREPARED 'left-behind'")


def test_a_server_that_tidies_up_passes_with_its_figures(server: Server) -> None:
    result = look(server)
    assert (result.state, looks.codes(result)) == (State.PASS, {"storage.room"})
    text = "\n".join(piece.content for piece in result.evidence)
    for word in ("database ledger:", "write-ahead log:", "blocks from the cache", "disk "):
        assert word in text
    shows(HEALTHY, result)


def test_growth_since_the_last_good_run_is_shown(server: Server) -> None:
    config = server.stack()
    learned = take_look(LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY)).learning
    result = looks.look(SLUG, config, baseline=Baseline(grown({}, learned)))
    assert "since the last good run" in result.evidence[0].content


@pytest.mark.parametrize(("limits", "state"), [({}, State.WARN), ({"prepared_fail_seconds": 1.2}, State.FAIL)])
def test_a_prepared_transaction_that_nobody_ends(server: Server, limits: dict[str, float], state: State) -> None:
    with prepared(server), server.superuser() as connection:
        old = "SELECT prepared < now() - interval '1.3 s' FROM pg_prepared_xacts"
        wait_until(lambda: connection.execute(old).fetchone() == (True,))
        result = look(server, limits=limits)
    finding = looks.found(result, "storage.prepared")
    assert finding.state is state
    assert "left-behind of clerk" in finding.message
    assert finding.threshold is not None
    if not limits:
        assert (finding.threshold.value, finding.threshold.reference) == (1, "check_postgres prepared_txns")
        shows(fault("a prepared transaction left behind"), result)


def test_a_slot_that_nobody_uses_warns_with_what_it_keeps(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('old_standby', true)")
        try:
            connection.execute("SELECT pg_switch_wal()")
            result = look(server)
        finally:
            connection.execute("SELECT pg_drop_replication_slot('old_standby')")
    finding = looks.found(result, "storage.inactive_slot")
    assert finding.state is State.WARN
    assert finding.measured["kept"].value
    shows(fault("an inactive replication slot"), result)


def test_a_disk_nearly_full_fails_here_unless_the_check_of_disks_looks_at_it(server: Server) -> None:
    limits = {"disk_percent": 0.0001, "disk_fail_percent": 0.0002}
    result = look(server, limits=limits)
    finding = looks.found(result, "storage.disk")
    assert finding.state is State.FAIL
    assert finding.threshold is not None
    assert finding.threshold.source == "config"
    shows(fault("the disk of the data nearly full"), result)
    assert "storage.disk" not in looks.codes(look(server, limits=limits, paths=(server.cluster.data,)))


def test_old_rows_warn_then_fail(server: Server) -> None:
    warned, failed = (look(server, limits=one) for one in ({"age": 1}, {"age": 1, "age_fail": 2}))
    assert "storage.wraparound" in looks.codes(warned)
    assert (warned.state, failed.state) == (State.WARN, State.FAIL)
    shows(fault("rows too old (the limit lowered)"), failed)


def test_dead_rows_that_nobody_clears_warn(server: Server) -> None:
    with server.client() as connection:
        connection.execute("CREATE TABLE churned AS SELECT generate_series(1, 12000) AS n")
        try:
            connection.execute("UPDATE churned SET n = n + 1")
            connection.execute("UPDATE churned SET n = n + 1")
            counted = "SELECT n_dead_tup >= 20000 FROM pg_stat_user_tables WHERE relname = 'churned'"
            wait_until(lambda: connection.execute(counted).fetchone() == (True,))
            result = look(server)
        finally:
            connection.execute("DROP TABLE churned")
    finding = looks.found(result, "storage.dead_rows")
    assert finding.state is State.WARN
    assert "public.churned" in finding.message
    shows(fault("dead rows that nobody clears"), result)


def test_a_low_share_of_cache_hits_warns_where_there_is_enough_to_judge_by(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("SELECT pg_stat_reset()")
        connection.execute("CREATE TABLE wide AS SELECT repeat('x', 1500) AS text FROM generate_series(1, 20000)")
        try:
            connection.execute("SELECT pg_stat_reset()")
            connection.execute("SET max_parallel_workers_per_gather = 0")
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
            for _ in range(3):
                connection.execute("SELECT count(pg_buffercache_evict(bufferid)) FROM pg_buffercache")
                connection.execute("SELECT count(*) FROM wide")
            read = "SELECT blks_read > 9000 FROM pg_stat_database WHERE datname = current_database()"
            wait_until(lambda: connection.execute(read).fetchone() == (True,))
            few, enough = look(server), look(server, limits={"cache_blocks": 1000})
        finally:
            connection.execute("DROP TABLE wide")
            connection.execute("DROP EXTENSION pg_buffercache")
    assert "storage.cache_hits" not in looks.codes(few)
    assert looks.found(enough, "storage.cache_hits").state is State.WARN
    shows(fault("few blocks from the cache"), enough)


def test_a_role_without_rights_sees_what_it_may(server: Server) -> None:
    result = look(server, monitor=None)
    assert result.state is State.PASS
    assert "write-ahead log: not permitted" in result.evidence[0].content


def test_a_server_that_never_answers_could_not_be_looked_at(server: Server) -> None:
    with serving(hanging) as port:
        result = look(server, port=port)
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.timeout")
    shows(HANGING, result)

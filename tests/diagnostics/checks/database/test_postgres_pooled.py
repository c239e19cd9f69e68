"""DB-02: a real PgBouncer in front of a real server, each of them wrong in turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import SecretReference
from tests.diagnostics import looks
from tests.diagnostics.checks.database.test_pools import held
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import NEEDS_PGBOUNCER, PGBOUNCER, FrontDoor, Server, running_pooler
from tests.diagnostics.servers import hanging, serving

SLUG, DIRECT = "database.postgres_pooled", "database.postgres_direct"


@pytest.fixture(scope="module")
def wrong_doors(server: Server) -> Iterator[FrontDoor]:
    """A pooler that is wrong about its server in several ways."""
    if PGBOUNCER is None:
        pytest.skip(NEEDS_PGBOUNCER)
    address = f"host=127.0.0.1 port={server.cluster.port}"
    doors = {
        "wrong-port": "host=127.0.0.1 port=1 dbname=ledger",
        "wrong-host": "host=no-such-host.invalid dbname=ledger",
        "wrong-name": f"{address} dbname=nowhere",
        "wrong-password": f"{address} dbname=ledger user=clerk password=yesterdays",
    }
    with running_pooler(server, doors=doors, query_wait_timeout="1") as running:
        yield running


def look(door: FrontDoor, *, limits: dict[str, float] | None = None, **more: object) -> Result:
    return looks.look(SLUG, door.stack(limits={SLUG: limits or {}}, **more))


def test_both_ways_answer(front_door: FrontDoor) -> None:
    result = look(front_door)
    assert (result.state, result.leading.code) == (State.PASS, "pooled.answered")
    pooled, direct = result.evidence[0].content.splitlines()
    assert pooled.startswith(f"pooled: 127.0.0.1:{front_door.pooler.port}/ledger")
    assert direct.startswith(f"direct: 127.0.0.1:{front_door.server.cluster.port}/ledger")
    assert "PostgreSQL" in pooled
    shows(HEALTHY, result)


@pytest.mark.parametrize(
    ("dbname", "code", "words"),
    [
        ("wrong-port", "pooled.query_wait", "the pooler has a wrong address of its server"),
        ("wrong-host", "pooled.query_wait", ""),
        ("wrong-name", "pooled.no_database", "the pooler has a wrong name of the database"),
        ("wrong-password", "pooled.server_auth", "the pooler has a wrong password for the server"),
        ("not-there", "pooled.no_database", "the database is unknown to the pooler"),
    ],
)
def test_a_pooler_that_is_wrong_about_its_server(wrong_doors: FrontDoor, dbname: str, code: str, words: str) -> None:
    result = look(wrong_doors, dbname=dbname)
    assert (result.state, result.leading.code) == (State.FAIL, code)
    assert "only straight it works" in result.leading.message
    assert result.is_blocking
    if dbname == "wrong-port":
        assert "it gets no connection to 127.0.0.1:1/ledger" in result.leading.message
    if words:
        shows(fault(words), result)


def test_a_pooler_that_refuses_the_applications_password(server: Server) -> None:
    with running_pooler(server) as door:
        users = (door.pooler.home / "userlist.txt").read_text()
        (door.pooler.home / "userlist.txt").write_text(users.replace("the-till-is-open", "yesterdays"))
        with door.administrator() as administrator:
            administrator.execute("RELOAD")
        result = look(door)
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.auth")
    shows(fault("the pooler refuses the application's password"), result)


def test_where_neither_way_works_it_is_the_servers_or_the_logins_fault(front_door: FrontDoor) -> None:
    (front_door.server.root / "wrong").write_text("not-the-password-at-all")
    config = front_door.server.stack(pooler=front_door.described(), password=SecretReference("file", "wrong"))
    result = looks.look(SLUG, config)
    assert (result.state, result.prerequisite, result.is_blocking) == (State.SKIP, DIRECT, True)
    assert "not-the-password" not in repr(result)
    shows(fault("neither way works"), result)


def test_where_only_the_pooler_works_the_straight_way_is_wrong(front_door: FrontDoor) -> None:
    result = looks.look(SLUG, front_door.server.stack(pooler=front_door.described(), port=1))
    assert (result.state, result.leading.code) == (State.WARN, "pooled.only_pooled")
    assert "postgres.refused" in result.leading.message
    shows(fault("only the pooler's way works"), result)


def test_a_pool_that_is_used_up_is_named_also_where_nobody_else_waits(front_door: FrontDoor) -> None:
    with held(front_door, 2):
        result = look(front_door)
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.query_wait")
    assert "all 2 server connections of the pool are in use, 2 of them by batch-importer" in result.leading.message
    shows(fault("pool used up, nobody else waiting"), result)


def test_our_own_patience_ends_before_the_poolers(server: Server) -> None:
    with running_pooler(server, query_wait_timeout="60") as door, held(door, 2):
        result = look(door, limits={"wait_seconds": 1})
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.query_wait")  # its console answered
    assert "all 2 server connections of the pool are in use" in result.leading.message
    assert result.duration_ms < 4000


def test_a_pooler_that_is_paused_as_a_whole(server: Server) -> None:
    with running_pooler(server, query_wait_timeout="1") as door, door.administrator() as administrator:
        administrator.execute("PAUSE")
        try:
            result = look(door)
        finally:
            administrator.execute("RESUME")
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.query_wait")
    shows(fault("the pooler is paused as a whole"), result)


def test_a_stopped_pooler_is_refused(server: Server) -> None:
    with running_pooler(server) as door:
        door.alone.stop()
        result = look(door)
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.refused")
    shows(fault("the pooler is stopped"), result)


def test_a_frozen_pooler_times_out(server: Server) -> None:
    with running_pooler(server) as door:
        os.kill(door.alone.pid, signal.SIGSTOP)
        try:
            result = look(door, limits={"wait_seconds": 1})
        finally:
            os.kill(door.alone.pid, signal.SIGCONT)
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.timeout")


def test_a_pooler_that_accepts_and_never_answers_is_a_finding(front_door: FrontDoor) -> None:
    with serving(hanging) as port:
        result = look(front_door, port=port, limits={"wait_seconds": 1})
    assert (result.state, result.leading.code) == (State.FAIL, "pooled.timeout")
    assert result.duration_ms < 6000
    shows(HANGING, result)


def test_a_database_without_a_pooler_has_nothing_to_look_at(server: Server, tmp_path: Path) -> None:
    assert looks.look(SLUG, server.stack()).leading.code == "not_applicable"

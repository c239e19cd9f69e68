"""DB-04 on a real PgBouncer whose clients really wait."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from diagnostics.checks.result import Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.stack import SecretReference
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import APPLICATION, FrontDoor, Server, running_pooler, wait_until
from tests.diagnostics.servers import hanging, serving

SLUG, POOLED = "database.pools", "database.postgres_pooled"


@contextlib.contextmanager
def held(door: FrontDoor, number: int, *, application: str = "batch-importer") -> Iterator[None]:
    """Keep so many server connections busy with open transactions."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(door.client(application=application))
            connection.execute("BEGIN")
            connection.execute("SELECT 1")
        yield


@contextlib.contextmanager
def queueing(door: FrontDoor, number: int) -> Iterator[None]:
    """Let clients wait for a server connection, and begin anew when the pooler ends them."""
    ends = threading.Event()

    def wait() -> None:
        while not ends.is_set():
            with contextlib.suppress(psycopg.Error), door.client() as connection:
                connection.execute("SELECT 1")
                ends.wait(0.05)

    threads = [threading.Thread(target=wait) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        with door.pooler.console() as console:
            pools = "SHOW POOLS"
            wait_until(lambda: any(row[3] >= number for row in console.execute(pools).fetchall()))
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join(20)


def look(door: FrontDoor, *, limits: dict[str, float] | None = None, **more: object) -> Result:
    return looks.look(SLUG, door.stack(limits={SLUG: limits or {}}, **more))


def test_a_pooler_with_room_passes(front_door: FrontDoor) -> None:
    with held(front_door, 1):
        result = look(front_door)
    assert (result.state, looks.codes(result)) == (State.PASS, {"pools.room"})
    lines = result.evidence[0].content.splitlines()
    assert lines[0].startswith("PgBouncer 1.")
    assert "clerk@ledger: 1/0, 0.0 s; 1/0/0 of 2" in lines
    assert "1 server connection(s) in use by batch-importer (clerk@ledger from 127.0.0.1)" in lines
    shows(HEALTHY, result)


def test_a_pool_that_is_used_up_fails_and_names_who_has_it(front_door: FrontDoor) -> None:
    with held(front_door, 2), queueing(front_door, 3):
        look_ = take_look(LookRequest(slug=SLUG, stack=front_door.stack(), redaction_key=looks.KEY))
        pooled = looks.look(POOLED, front_door.stack(), handed=look_.handing)
    result = look_.result
    assert (result.state, result.leading.code) == (State.FAIL, "pools.waiting")
    assert "all 2 server connections of the pool are in use, 2 of them by batch-importer" in result.leading.message
    assert result.leading.threshold is not None
    assert result.leading.threshold.value == 1.5
    assert "query_wait_timeout" in result.leading.threshold.reference
    assert (pooled.state, pooled.prerequisite) == (State.SKIP, SLUG)
    assert pooled.is_blocking
    shows(fault("pool used up, clients waiting"), result)


def test_clients_that_come_back_after_the_first_look_are_seen_to_wait(front_door: FrontDoor) -> None:
    """The pooler ends those who came together at the same moment, and a look may fall between two tries of theirs."""
    released = threading.Event()

    def come_late() -> None:
        time.sleep(1.0)
        with queueing(front_door, 2):
            released.wait(20)

    with held(front_door, 2):
        late = threading.Thread(target=come_late)
        late.start()
        try:
            result = look(front_door)
        finally:
            released.set()
            late.join(30)
    assert (result.state, result.leading.code) == (State.FAIL, "pools.waiting")


def test_a_pool_that_is_used_up_and_that_nobody_waits_for_passes(front_door: FrontDoor) -> None:
    with held(front_door, 2):
        result = look(front_door)
    assert (result.state, looks.codes(result)) == (State.PASS, {"pools.room"})


def test_a_short_wait_warns(front_door: FrontDoor) -> None:
    with held(front_door, 2), queueing(front_door, 1):
        result = look(front_door, limits={"wait_seconds": 0.01, "wait_fail_seconds": 60})
    assert (result.state, result.leading.code) == (State.WARN, "pools.waiting")


def test_many_clients_warn_then_fail(server: Server) -> None:
    with running_pooler(server, max_client_conn="10") as door, contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(door.client())
        warned = look(door)  # the console's own connection is the ninth
        stack.enter_context(door.client())
        stack.enter_context(door.client())
        failed = take_look(LookRequest(slug=SLUG, stack=door.stack(), redaction_key=looks.KEY))
        pooled = looks.look(POOLED, door.stack(), handed=failed.handing)
        alone = looks.look(POOLED, door.stack())
    assert (warned.state, warned.leading.code) == (State.WARN, "pools.clients")
    assert (failed.result.state, failed.result.leading.code) == (State.FAIL, "pools.clients")
    assert (pooled.state, pooled.prerequisite) == (State.SKIP, SLUG)
    assert (alone.state, alone.leading.code) == (State.FAIL, "pooled.pooler_full")
    shows(fault("max_client_conn used up"), failed.result)


@pytest.mark.parametrize(("says", "back", "code"), [("PAUSE", "RESUME", "paused"), ("DISABLE", "ENABLE", "disabled")])
def test_a_database_that_an_operator_closed_fails(front_door: FrontDoor, says: str, back: str, code: str) -> None:
    with front_door.administrator() as administrator:
        administrator.execute(f"{says} ledger".encode())
        try:
            found = take_look(LookRequest(slug=SLUG, stack=front_door.stack(), redaction_key=looks.KEY))
            pooled = looks.look(POOLED, front_door.stack(), handed=found.handing)
        finally:
            administrator.execute(f"{back} ledger".encode())
    assert (found.result.state, found.result.leading.code) == (State.FAIL, f"pools.{code}")
    assert back in found.result.leading.message
    assert (pooled.state, pooled.prerequisite) == (State.SKIP, SLUG)
    shows(fault(f"database {code} in the pooler"), found.result)


def test_where_the_server_is_short_it_is_left_to_the_other_check(server: Server) -> None:
    doors = {"ledger": "host=127.0.0.1 port=1"}
    with running_pooler(server, doors=doors, query_wait_timeout="6") as door, queueing(door, 2):
        result = look(door)
    assert (result.state, result.prerequisite) == (State.SKIP, POOLED)
    assert "the server's side is short" in result.leading.message
    shows(fault("the pooler does not reach its server"), result)


def test_a_console_that_refuses_could_not_be_looked_at(front_door: FrontDoor) -> None:
    (front_door.server.root / "wrong").write_text("not-the-password-at-all")
    wrong = look(front_door, admin_password=SecretReference("file", "wrong"))
    mere = look(front_door, admin_user=APPLICATION, admin_password=SecretReference("file", APPLICATION))
    assert (wrong.state, wrong.leading.code) == (State.ERROR, "postgres.auth")
    assert "not-the-password" not in repr(wrong)
    assert (mere.state, mere.leading.code) == (State.ERROR, "postgres.not_permitted")
    shows(fault("the console refuses the login"), mere)


def test_a_stopped_pooler_is_left_to_the_other_check(server: Server) -> None:
    with running_pooler(server) as door:
        door.alone.stop()
        result = look(door)
    assert (result.state, result.prerequisite) == (State.SKIP, POOLED)


def test_a_pooler_that_never_answers_is_left_to_the_other_check(front_door: FrontDoor) -> None:
    with serving(hanging) as port:
        result = look(front_door, port=port)
    assert (result.state, result.prerequisite) == (State.SKIP, POOLED)
    assert result.duration_ms < 6000
    shows(HANGING, result)


def test_without_a_login_to_the_console_it_does_not_apply(front_door: FrontDoor) -> None:
    assert look(front_door, admin_user=None).leading.code == "not_applicable"

"""A trail that takes no entry for other reasons than rights: a lock, a full disk, a standby. Refused, nothing begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import DatabaseError, connection
from psycopg import sql

from awe_incidents.accounts.models import User
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import TargetLock
from diagnostics.models import Stack
from tests.api.conftest import FILING, filed_by, problem_of
from tests.api.test_fail_closed import CALLS, INCIDENTS, REQUESTS, House, everything
from tests.audit import rows
from tests.recovery import acting
from tests.recovery.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(stack: Stack, reporter: User, operator: User, approver: User, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(registry, "all_actions", lambda: acting.ALL)
    return House(World(stack, operator, approver), reporter, operator, filed_by(reporter, mark="mine-4711"))


@contextmanager
def with_setting(name: str, value: str) -> Iterator[None]:
    """Let new connections of the application have another setting in this database."""
    place = sql.Identifier(str(connection.settings_dict["NAME"]))
    role = sql.SQL("ALTER ROLE incidents_app IN DATABASE {} ").format(place)
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute(role + sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.close()
        try:
            yield
        finally:
            superuser.execute(role + sql.SQL("RESET {}").format(sql.Identifier(name)))
            connection.close()


@contextmanager
def locked() -> Iterator[None]:
    """Somebody holds the table of entries, as an administrator in the middle of something does."""
    with (
        with_setting("lock_timeout", "300ms"),
        rows.connected(rows.SUPERUSER) as superuser,
        superuser.transaction(force_rollback=True),
    ):
        superuser.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """PostgreSQL says so of each new entry (SQLSTATE 53100)."""
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        superuser.execute("CREATE TRIGGER no_room BEFORE INSERT ON audit_entry EXECUTE FUNCTION no_room()")
        try:
            yield
        finally:
            superuser.execute("DROP TRIGGER no_room ON audit_entry")
            superuser.execute("DROP FUNCTION no_room()")


def standby() -> AbstractContextManager[None]:
    """The server takes no changes, as one that stands by for another."""
    return with_setting("default_transaction_read_only", "on")


REASONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "locked": locked,
    "full disk": full_disk,
    "standby": standby,
}
ENDPOINTS = [
    ("post", FILING),
    ("post", INCIDENTS + "{id}/transitions/"),
    ("post", REQUESTS),
    ("post", REQUESTS + "{id}/approval/"),
    ("post", REQUESTS + "{id}/denial/"),
    ("post", REQUESTS + "{id}/break-glass/"),
]


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one in CALLS], ids=" ".join)
def test_a_change_that_cannot_be_recorded_is_a_503_and_does_not_happen(
    house: House, endpoint: tuple[str, str], reason: str
) -> None:
    call = CALLS[endpoint](house)
    call.client.get(INCIDENTS)  # which notes the minute in which the token was used
    before = everything()
    with REASONS[reason]():
        refused = call.send(endpoint[0])
        assert refused.status_code == 503, refused.content
        problem_of(refused, 503, refused.json()["type"].rstrip("/").rpartition("/")[2])
        assert int(refused.headers["Retry-After"]) > 0
    after = everything()
    assert {name for name in after if after[name] != before.get(name)} == set()
    number = Entry.objects.count()
    assert call.send(endpoint[0]).status_code in {200, 201}
    assert Entry.objects.count() > number


@pytest.mark.parametrize("reason", REASONS)
def test_an_approved_execution_is_not_started(house: House, reason: str) -> None:
    execution = house.world.queued()
    before = everything()
    with REASONS[reason](), pytest.raises((TrailUnavailable, DatabaseError)):
        operations.execute(execution_id=execution.pk)
    assert house.world.lines() == []
    assert not TargetLock.objects.filter(released_at=None).exists()
    after = everything()
    assert {name for name in after if after[name] != before.get(name)} == set()


def test_a_lock_is_waited_for_ten_seconds_by_the_application_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("10s",)
    with rows.connected(rows.SIGNER) as signer:
        assert signer.execute("SHOW lock_timeout").fetchone() == ("0",)

"""Lists and what is asked at every start are read in the order of an index, however many requests there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from awe_incidents.accounts.models import User
from awe_incidents.recovery.models import Execution, OneTimeSecret, RecoveryRequest
from awe_incidents.recovery.queries import (
    NOT_LISTED,
    last_seconds,
    last_successes,
    requests,
    waiting_requests,
)
from tests.audit import rows
from tests.conftest import client_of
from tests.recovery.conftest import World
from tests.triage.world import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _without_statistics(db: None) -> None:
    """Forget what earlier tests had in the tables: of a few rows that are alike, any index is as good as another."""
    rows.execute_as_superuser("DELETE FROM pg_statistic WHERE starelid::regclass::text LIKE 'recovery_%'")


def plan_of(sql: str) -> str:
    """Give the plan where neither sorting nor reading everything is a way out."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def plan_of_first(do: Callable[[], object], *, of: str) -> str:
    with CaptureQueriesContext(connection) as sent:
        do()
    return plan_of(next(one["sql"] for one in sent if f'FROM "{of}"' in one["sql"] and "COUNT(" not in one["sql"]))


def listed(**narrowed: object) -> QuerySet[RecoveryRequest]:
    return requests().defer(*NOT_LISTED).filter(**narrowed).order_by("-pk")[:51]


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        ({"stack_id": 1}, "recovery_of_stack"),
        ({"state": "denied"}, "recovery_in_state"),
        ({"action": "service.restart"}, "recovery_of_action"),
        ({"requester": 1}, "recovery_of_requester"),
        ({"incident_id": 1}, "recovery_of_incident"),
        ({"stack_id": 1, "action": "service.restart"}, "recovery_past"),
    ],
)
def test_a_list_is_read_in_the_order_of_an_index(db: None, narrowed: dict[str, object], index: str) -> None:
    plan = plan_of(
        str(listed(**narrowed).query).replace("service.restart", "'service.restart'").replace("denied", "'denied'")
    )
    assert index in plan, plan
    assert "Sort" not in plan, plan


def test_the_lists_of_the_desk_compare_ids(world: World, operator: User) -> None:
    world.ask()
    address = "/admin/recovery/recoveryrequest/?stack=plain&requester=operator"
    with CaptureQueriesContext(connection) as sent:
        assert len(signed_in(operator).get(address).context["lines"]) == 1
    (read,) = [one["sql"] for one in sent if 'FROM "recovery_recoveryrequest"' in one["sql"]]
    assert '"stack_id" = ' in read
    assert '"requester_id" = ' in read
    assert len(signed_in(operator).get(address.replace("plain", "none")).context["lines"]) == 0


def test_what_waits_is_read_by_an_index(world: World, operator: User) -> None:
    world.ask()
    api, desk = (
        plan_of_first(read, of="recovery_recoveryrequest")
        for read in (
            lambda: client_of(operator).get("/api/v1/recovery-requests/?state=pending_approval"),
            lambda: list(waiting_requests().order_by("pk")),
        )
    )
    for plan in (api, desk):
        assert "recovery_in_state" in plan or "recovery_open" in plan, plan
        assert "Sort" not in plan, plan


@pytest.mark.parametrize(
    ("read", "table", "index"),
    [
        (lambda: last_seconds("a", stack_id=1), "recovery_recoveryrequest", "recovery_past"),
        (lambda: last_successes("a", stack_id=1), "recovery_recoveryrequest", "recovery_past"),
        (lambda: list(Execution.objects.filter(queued_at__gt=Now())), "recovery_execution", "execution_queued"),
        (
            lambda: list(OneTimeSecret.objects.filter(state="sealed", expires_at__lt=Now())),
            "recovery_onetimesecret",
            "secret_sealed",
        ),
    ],
)
def test_what_every_start_asks_has_its_index(db: None, read: Callable[[], object], table: str, index: str) -> None:
    assert index in plan_of_first(read, of=table)

"""What the database itself refuses, whoever asks and by whatever connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from awe_incidents.accounts.models import User
from awe_incidents.recovery.models import Decision, OutputChunk, RequestTerms
from awe_incidents.recovery.states import (
    EXECUTION_TRANSITIONS,
    REQUEST_TRANSITIONS,
    REVIEW_TRANSITIONS,
    SECRET_TRANSITIONS,
    STEP_TRANSITIONS,
    ExecutionState,
    RequestState,
)
from tests.audit import rows
from tests.recovery.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)
TABLES: Mapping[str, Mapping[Any, frozenset[Any]]] = {
    "recovery_recoveryrequest": REQUEST_TRANSITIONS,
    "recovery_execution": EXECUTION_TRANSITIONS,
    "recovery_executionstep": STEP_TRANSITIONS,
    "recovery_review": REVIEW_TRANSITIONS,
    "recovery_onetimesecret": SECRET_TRANSITIONS,
}


def run(statement: str, *values: str | int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize("table", TABLES)
def test_the_database_has_the_transition_tables_of_the_code(db: None, table: str) -> None:
    """A change of states.py needs a migration."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [f"{table}_state"])
        (source,) = cursor.fetchone()
    held = set(re.findall(r"\('(\w+)', '(\w+)'\)", source))
    assert held == {(one.value, other.value) for one, targets in TABLES[table].items() for other in targets}


def jumps(table: Mapping[Any, frozenset[Any]], source: StrEnum) -> list[str]:
    return [state.value for state in table if state != source and state not in table[source]]


@pytest.mark.parametrize("target", jumps(EXECUTION_TRANSITIONS, ExecutionState.QUEUED))
@pytest.mark.recovery_fault("jump by SQL", counted="the database's refusal of every state but the next")
def test_an_execution_does_not_jump_from_queued(world: World, target: str) -> None:
    execution = world.queued()
    with pytest.raises(IntegrityError):
        run(
            "UPDATE recovery_execution SET state = %s, outcome = 'x', finished_at = now() WHERE id = %s",
            target,
            execution.pk,
        )


@pytest.mark.parametrize(
    "target", [*jumps(REQUEST_TRANSITIONS, RequestState.PENDING_APPROVAL), "approved", "denied", "break_glass"]
)
def test_a_request_does_not_move_without_a_decision(world: World, target: str) -> None:
    request = world.ask()
    with pytest.raises(IntegrityError):
        run("UPDATE recovery_recoveryrequest SET state = %s WHERE id = %s", target, request.pk)


@pytest.mark.recovery_fault("jump by SQL", counted="the database's refusal of every state but the next")
def test_not_even_the_superuser_in_a_replication_session_jumps(world: World) -> None:
    execution = world.queued()
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.CheckViolation):
            superuser.execute("UPDATE recovery_execution SET state = 'running' WHERE id = %s", [execution.pk])


def decide(world: World, request: Any, person: User, *, verdict: str = "approved", digest: str = "") -> None:
    with transaction.atomic():
        Decision.objects.create(
            request=request,
            person=person,
            verdict=verdict,
            digest=digest or request.terms.digest,
            because="x",
            decided_at=request.requested_at,
        )


def test_decisions_by_the_requester_twice_or_on_other_terms_are_refused(world: World) -> None:
    request = world.ask()
    with pytest.raises(IntegrityError, match="own request"):
        decide(world, request, world.operator)
    with pytest.raises(IntegrityError, match="other terms"):
        decide(world, request, world.approver, digest="0" * 64)
    decide(world, request, world.approver)
    with pytest.raises(IntegrityError, match="decision_once"):
        decide(world, request, world.approver, verdict="denied")


def test_a_denied_request_is_not_approved_by_hand(world: World, other_approver: User) -> None:
    request = world.ask()
    decide(world, request, world.approver, verdict="denied")
    decide(world, request, other_approver)
    with pytest.raises(IntegrityError, match="was denied"):
        run("UPDATE recovery_recoveryrequest SET state = 'approved' WHERE id = %s", request.pk)


def test_nothing_is_queued_for_what_is_not_approved(world: World) -> None:
    request = world.ask()
    with pytest.raises(IntegrityError, match="not approved"):
        run(
            "INSERT INTO recovery_execution (request_id, state, fence, queued_at, effect, outcome)"
            " VALUES (%s, 'queued', 0, now(), 'none', '')",
            request.pk,
        )


def test_a_request_has_one_execution(world: World) -> None:
    execution = world.queued()
    with pytest.raises(IntegrityError):
        run(
            "INSERT INTO recovery_execution (request_id, state, fence, queued_at, effect, outcome)"
            " VALUES (%s, 'queued', 0, now(), 'none', '')",
            execution.request_id,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recovery_requestterms SET digest = 'x'",
        "UPDATE recovery_decision SET verdict = 'denied'",
        "DELETE FROM recovery_decision",
        "DELETE FROM recovery_execution",
        "DELETE FROM recovery_recoveryrequest",
        "UPDATE recovery_recoveryrequest SET requester_id = requester_id + 1",
        "UPDATE recovery_recoveryrequest SET expires_at = now() + interval '1 year'",
        "UPDATE recovery_recoveryrequest SET approvals_needed = 0",
        "UPDATE recovery_execution SET request_id = request_id + 1",
        "TRUNCATE recovery_decision CASCADE",
    ],
)
def test_what_was_decided_is_not_rewritten(world: World, statement: str) -> None:
    world.queued()
    with pytest.raises(ProgrammingError, match=r"permission denied|append-only"):
        run(statement)
    if not statement.startswith("TRUNCATE"):
        with rows.connected(rows.SUPERUSER) as superuser, pytest.raises(psycopg.Error, match=r"append-only|may change"):
            superuser.execute(statement)  # a superuser has the right, and meets the trigger
    assert RequestTerms.objects.exists()


def test_the_fence_only_grows_with_a_claim(world: World) -> None:
    execution = world.queued()
    with pytest.raises(IntegrityError, match="fence"):
        run("UPDATE recovery_execution SET fence = 7 WHERE id = %s", execution.pk)


def test_output_takes_the_fence_of_who_holds_it(world: World) -> None:
    execution = world.queued()
    with pytest.raises(IntegrityError, match="not held by fence"), transaction.atomic():
        OutputChunk.objects.create(execution=execution, number=1, fence=0, text="x", sha256="0" * 64)


def test_four_eyes_cannot_be_configured_away(world: World) -> None:
    with pytest.raises(IntegrityError, match="four_eyes"):
        run(
            "INSERT INTO recovery_recoveryrequest (stack_id, requester_id, requester_token, action, tier,"
            " approvals_needed, target, because, state, requested_at, changed_at, expires_at)"
            " VALUES (%s, %s, '', 'x', 2, 0, '', 'x', 'planned', now(), now(), now())",
            world.stack.pk,
            world.operator.pk,
        )

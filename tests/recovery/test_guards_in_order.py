"""What the database refuses of who holds an execution, decides on it or goes past that: roles, order, leases, locks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import LeaseLost
from awe_incidents.recovery.models import Execution, ExecutionStep, ManualAction, RecoveryRequest, Review, TargetLock
from awe_incidents.recovery.operations import breaking_glass, executing
from awe_incidents.recovery.operations.claiming import claim_execution, release
from awe_incidents.recovery.operations.holding import Held
from awe_incidents.recovery.operations.planning import site_of
from awe_incidents.recovery.states import ReviewVerdict
from diagnostics.models import Stack
from tests.recovery.conftest import World, actor
from tests.recovery.test_guards import decide, run

pytestmark = pytest.mark.django_db(transaction=True)
REVIEWED = "UPDATE recovery_review SET state = 'reviewed', verdict = 'violation', reviewer_id = %s, reviewed_at = now()"
CLAIM = "UPDATE recovery_execution SET state = 'claimed', fence = 1, lease_until = now() + '1 min' WHERE id = %s"


@pytest.fixture
def running(world: World, signed_trail: None) -> Iterator[Held]:
    """An execution with two steps, of which none has begun."""
    with claim_execution(execution_id=world.queued(lines=2).pk) as held:
        request = RecoveryRequest.objects.select_related("stack", "terms").get(pk=held.request_id)
        with site_of(request.stack) as site:
            plan = executing._prepare(held, request, site)
            assert plan is not None
            assert executing._begin(held, request, plan)
        yield held


def test_nothing_runs_on_an_intent_that_is_not_signed(world: World) -> None:
    execution = world.queued()
    with claim_execution(execution_id=execution.pk) as held:
        intent = executing._intend(held, [])
        start = "UPDATE recovery_execution SET state = 'running', started_at = now(), effect = 'unknown', intent = %s"
        for entry in (intent, Entry.objects.latest("pk").pk, 1):
            with pytest.raises(IntegrityError, match=r"intent of execution \d+ is not signed"):
                run(start, entry)
        with pytest.raises(IntegrityError, match="is not signed"):
            run("UPDATE recovery_execution SET state = 'running', effect = 'unknown'")


def test_the_intent_of_another_claim_starts_nothing(world: World, signed_trail: None) -> None:
    execution = world.queued()
    with claim_execution(execution_id=execution.pk) as held:
        intent = executing._intend(held, [])
        assert executing._signed_in_time(held, intent)
        release(held, because="as if it had not been in time")
    with claim_execution(execution_id=execution.pk), pytest.raises(IntegrityError, match="is not signed"):
        run(
            "UPDATE recovery_execution SET state = 'running', started_at = now(), effect = 'unknown', intent = %s",
            intent,
        )


def test_steps_go_in_their_order_and_all_before_the_verification(running: Held) -> None:
    with pytest.raises(IntegrityError, match="step 2 waits for those before it"):
        run("UPDATE recovery_executionstep SET state = 'started' WHERE number = 2")
    run("UPDATE recovery_executionstep SET state = 'started' WHERE number = 1")
    with pytest.raises(IntegrityError, match="not every step"):
        run("UPDATE recovery_execution SET state = 'verifying'")
    run("UPDATE recovery_execution SET state = 'cancelling'")
    run("UPDATE recovery_executionstep SET state = 'done' WHERE number = 1")
    with pytest.raises(IntegrityError, match="does not run, so no step begins"):
        run("UPDATE recovery_executionstep SET state = 'started' WHERE number = 2")
    assert [step.state for step in ExecutionStep.objects.order_by("number")] == ["done", "waiting"]


def test_a_lease_that_has_run_out_ends_nothing_and_is_not_renewed(running: Held) -> None:
    run("UPDATE recovery_execution SET lease_until = now() - interval '1 s'")
    for statement in (
        "UPDATE recovery_execution SET state = 'failed', effect = 'partial', outcome = 'x', finished_at = now()",
        "UPDATE recovery_execution SET lease_until = now() + interval '1 min'",
    ):
        with pytest.raises(IntegrityError, match="has run out"):
            run(statement)
    run("UPDATE recovery_execution SET lease_until = now() - interval '2 s'")  # it has run out, whenever
    run("UPDATE recovery_execution SET state = 'outcome_unknown', lease_until = NULL, outcome = 'x'")


def test_a_lease_that_ends_while_something_is_written_is_lost(running: Held) -> None:
    def write() -> None:
        with running.writing() as (execution, _):
            Execution.objects.filter(pk=execution.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            Execution.objects.filter(pk=execution.pk).update(lease_until=timezone.now() + timedelta(seconds=9))

    with pytest.raises(LeaseLost, match="while this was written"):
        write()


def test_a_target_stays_locked_until_the_end(world: World) -> None:
    execution = world.queued()
    with claim_execution(execution_id=execution.pk) as held:
        with pytest.raises(IntegrityError, match="stays locked"):
            run("UPDATE recovery_targetlock SET released_at = now()")
        release(held, because="x")
    assert TargetLock.objects.get().released_at is not None
    with pytest.raises(IntegrityError, match="not taken again"):
        run("UPDATE recovery_targetlock SET released_at = NULL")


def test_an_execution_takes_no_other_target_than_its_own(world: World) -> None:
    execution = world.queued()
    for target in ("api", "worker"):  # not yet claimed; not its own
        with pytest.raises(IntegrityError, match="its own target"):
            run(
                "INSERT INTO recovery_targetlock (stack_id, target, execution_id) VALUES (%s, %s, %s)",
                world.stack.pk,
                target,
                execution.pk,
            )
        if target == "api":
            run(CLAIM, execution.pk)


def test_who_decides_is_an_approver_and_not_who_is_affected(world: World, other_operator: User) -> None:
    with pytest.raises(IntegrityError, match="other-operator is no approver"):
        decide(world, world.ask(), other_operator)
    with pytest.raises(IntegrityError, match="own account"):
        decide(world, affected(world), world.approver)
    world.approver.is_active = False
    world.approver.save()
    with pytest.raises(IntegrityError, match="approver is no approver"):
        decide(world, world.ask(), world.approver)


def affected(world: World, **more: Any) -> RecoveryRequest:
    """Give a request about the approver's own account."""
    return operations.request_action(
        stack=world.stack,
        slug="test.write",
        document={"file": "target", "user": "APPROVER"},
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="it is broken",
        **more,
    )


@pytest.mark.parametrize("who", ["operator", "approver"])
def test_nothing_is_claimed_for_who_lost_the_role(world: World, who: str) -> None:
    execution = world.queued()
    person: User = getattr(world, who)
    person.roles = ["auditor"]
    person.save()
    with pytest.raises(IntegrityError, match=f"{who} is no {who} any more"):
        run(CLAIM, execution.pk)


def broken(request: RecoveryRequest, user: User, **changed: Any) -> Review:
    now = timezone.now()
    row = {
        "request": request,
        "stack": request.stack,
        "broken_by": user,
        "because": "x",
        "broken_at": now,
        "claim_until": now + timedelta(minutes=10),
        "due_at": now + timedelta(hours=23),
        **changed,
    }
    with transaction.atomic():
        return Review.objects.create(**row)


def test_glass_is_broken_for_an_incident_by_a_responder_and_for_a_short_time(world: World, responder: User) -> None:
    request = world.ask(incident=world.incident())
    for made, user, changed, why in (
        (world.ask(), responder, {}, "for an incident"),
        (request, world.operator, {}, "operator is no responder"),
        (request, responder, {"claim_until": timezone.now() + timedelta(minutes=30)}, "quarter of an hour"),
        (request, responder, {"due_at": timezone.now() + timedelta(hours=30)}, "within a day"),
        (world.queued().request, responder, {}, "does not wait for an approval"),
    ):
        with pytest.raises(IntegrityError, match=why):
            broken(made, user, **changed)
    assert broken(request, responder).pk


def test_a_fourth_broken_glass_within_a_day_is_refused(world: World, responder: User) -> None:
    for _ in range(3):
        review = broken(world.ask(incident=world.incident()), responder)
        run(
            "UPDATE recovery_review SET state = 'reviewed', verdict = 'in_order', reviewer_id = %s, reviewed_at = now()"
            " WHERE id = %s",
            world.approver.pk,
            review.pk,
        )
    with pytest.raises(IntegrityError, match="three times within a day"):
        broken(world.ask(incident=world.incident()), responder)


def test_what_was_broken_for_a_quarter_of_an_hour_is_not_claimed_later(
    world: World, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaking_glass, "BREAK_GLASS_TIME", timedelta(0))
    request = world.ask(incident=world.incident())
    operations.break_glass(request=request, user=responder, by=actor(responder), at=timezone.now(), because="x")
    with pytest.raises(IntegrityError, match="time for which the glass was broken is up"):
        run(CLAIM, Execution.objects.get().pk)


def test_a_review_is_by_an_approver_and_is_not_changed(world: World, responder: User) -> None:
    request = world.ask(incident=world.incident())
    broken(request, responder)
    stranger = User.objects.create(username="stranger", roles=["auditor"])
    with pytest.raises(IntegrityError, match="who reviews is no approver"):
        run(REVIEWED, stranger.pk)
    operations.review_break_glass(
        request=request,
        verdict=ReviewVerdict.VIOLATION,
        user=world.approver,
        by=actor(world.approver),
        at=timezone.now(),
        findings="x",
    )
    with pytest.raises(IntegrityError, match="a review is not changed"):
        run("UPDATE recovery_review SET verdict = 'in_order'")


def test_nobody_reviews_what_was_done_to_the_own_account(world: World, responder: User) -> None:
    broken(affected(world, incident=world.incident()), responder)
    with pytest.raises(IntegrityError, match="own account"):
        run(REVIEWED, world.approver.pk)


def asked(world: World, **changed: Any) -> None:
    now = timezone.now()
    row = {
        "stack": world.stack,
        "requester": world.operator,
        "action": "x",
        "tier": 1,
        "approvals_needed": 0,
        "target": "",
        "because": "x",
        "requested_at": now,
        "changed_at": now,
        "expires_at": now + timedelta(minutes=59),
        **changed,
    }
    with transaction.atomic():
        RecoveryRequest.objects.create(**row)


def other_stack(world: World) -> Stack:
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO diagnostics_stack SELECT (jsonb_populate_record(one, \'{"id": 4711, "name": "other"}\')).*'
            " FROM diagnostics_stack AS one"
        )
    return Stack.objects.get(name="other")


def test_a_request_lives_for_an_hour_and_stays_with_its_stack(world: World) -> None:
    incident, other, earlier = world.incident(), other_stack(world), world.ask()
    asked(world, incident=incident, retry_of=earlier)
    for changed, why in (
        ({"expires_at": timezone.now() + timedelta(hours=2)}, "lives for an hour"),
        ({"requester": world.approver}, "no operator"),
        ({"stack": other, "incident": incident}, "about another stack"),
        ({"stack": other, "retry_of": earlier}, "about another stack"),
    ):
        with pytest.raises(IntegrityError, match=why):
            asked(world, **changed)


def test_what_was_done_by_hand_is_past_and_of_its_stack(world: World) -> None:
    told = {"person": world.operator, "done_by": "x", "because": "x", "stack": world.stack, "done_at": timezone.now()}
    ManualAction.objects.create(**told)
    for changed, why in (
        ({"done_at": timezone.now() + timedelta(hours=1)}, "in the future"),
        ({"stack": other_stack(world), "incident": world.incident()}, "about another stack"),
    ):
        with pytest.raises(IntegrityError, match=why), transaction.atomic():
            ManualAction.objects.create(**{**told, **changed})


def test_what_an_execution_did_fits_how_it_stands(world: World) -> None:
    world.queued()
    ended = "UPDATE recovery_execution SET state = 'expired', outcome = 'x', finished_at = now(), effect = %s"
    with pytest.raises(IntegrityError, match="execution_did"):
        run(ended, "whole")
    run(ended, "none")

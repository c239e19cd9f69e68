"""Who decides on what, once, on exactly what was asked for; a denial is final."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit import signed
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Entry
from awe_incidents.audit.signed import is_signed
from awe_incidents.incidents.models import TimelineEntry
from awe_incidents.recovery import operations, policies
from awe_incidents.recovery.errors import (
    ActionNotApplicable,
    AffectedUser,
    BreakGlassRefused,
    DecidedBefore,
    DigestDiffers,
    IncidentRequired,
    NotClaimed,
    OwnBreakGlass,
    OwnRequest,
    ParametersInvalid,
    ReasonRequired,
    RequestExpired,
    RoleRequired,
    StackNotNamed,
    TransitionNotAllowed,
    UnknownAction,
)
from awe_incidents.recovery.models import Execution, RecoveryRequest, Review
from awe_incidents.recovery.operations import executing
from awe_incidents.recovery.queries import is_bound
from awe_incidents.recovery.states import ReviewVerdict
from tests.audit import rows
from tests.conftest import _person
from tests.recovery.conftest import World, actor, end_of

pytestmark = pytest.mark.django_db(transaction=True)
RACES = int(os.environ.get("AWE_RECOVERY_RACES", "100"))


def test_an_action_of_one_operator_is_approved_at_once(world: World, rings: list[tuple[str, str, int]]) -> None:
    request = world.ask("test.write_at_once")
    assert request.state == "approved"
    assert rings == [("recovery", "recovery.execute_request", request.execution.pk)]


def test_an_action_for_four_eyes_waits_for_another_person(world: World, rings: list[tuple[str, str, int]]) -> None:
    request = world.ask()
    assert (request.state, rings) == ("pending_approval", [])
    approved = world.approve(request)
    assert (approved.state, approved.execution.state) == ("approved", "queued")
    assert len(rings) == 1


def test_approving_own_request_is_refused_whatever_the_token(world: World) -> None:
    both = _person("both", Role.OPERATOR, Role.APPROVER)
    request = world.ask(user=both)
    with pytest.raises(OwnRequest):
        world.approve(request, user=both)
    with pytest.raises(OwnRequest):
        operations.approve_request(
            request=request,
            digest=request.terms.digest,
            user=both,
            by=actor(both, token="another"),
            at=timezone.now(),
            because="mine",
        )


def test_approving_what_is_done_to_oneself_is_refused(world: World) -> None:
    request = operations.request_action(
        stack=world.stack,
        slug="test.write",
        document={"file": "target", "user": "Approver"},
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="reset it",
    )
    with pytest.raises(AffectedUser):
        world.approve(request)


@pytest.mark.parametrize("role", [Role.REPORTER, Role.OPERATOR, Role.RESPONDER, Role.AUDITOR])
def test_only_approvers_decide_superusers_or_not(world: World, role: Role) -> None:
    person = _person("somebody", role)
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    person.refresh_from_db()
    for decide in (world.approve, world.deny):
        with pytest.raises(RoleRequired):
            decide(world.ask(), user=person)


def test_a_denial_is_final(world: World, other_approver: User) -> None:
    request = world.deny(world.ask())
    assert request.state == "denied"
    with pytest.raises(TransitionNotAllowed):
        world.approve(request, user=other_approver)
    assert not Execution.objects.exists()


def test_one_person_decides_once(world: World) -> None:
    request = world.approve(world.ask())
    with pytest.raises(DecidedBefore):
        world.deny(request)


def test_a_decision_on_other_terms_is_refused(world: World) -> None:
    with pytest.raises(DigestDiffers):
        world.approve(world.ask(), digest="0" * 64)


def test_what_may_destroy_a_stack_takes_its_typed_name(world: World) -> None:
    request = world.ask("test.write_for_good")
    for typed in ("", "Plain"):
        with pytest.raises(StackNotNamed):
            world.approve(request, typed_stack=typed)
    assert world.approve(request, typed_stack="plain").state == "approved"


def test_decisions_and_requests_take_a_reason(world: World) -> None:
    request = world.ask()
    with pytest.raises(ReasonRequired):
        operations.approve_request(
            request=request, digest=request.terms.digest, user=world.approver, by=actor(world.approver),
            at=timezone.now(), because=" ",
        )  # fmt: skip


@pytest.mark.recovery_fault("expired in the queue", counted="lines that the target got")
def test_a_request_expires_with_its_execution(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe_incidents.recovery.operations.requesting.TIME_TO_LIVE", timedelta(milliseconds=300))
    pending, queued = world.ask(), world.ask("test.write_at_once")
    threading.Event().wait(0.4)
    with pytest.raises(RequestExpired):
        world.approve(pending)
    with pytest.raises(NotClaimed, match="time was up"):
        operations.execute(execution_id=queued.execution.pk)
    operations.sweep_recovery(at=timezone.now())
    pending.refresh_from_db()
    assert pending.state == "expired"
    assert end_of(queued.execution) == ("expired", "none", "expired")
    assert world.lines() == []


def test_the_sweeper_expires_what_nobody_claims(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe_incidents.recovery.operations.requesting.TIME_TO_LIVE", timedelta(milliseconds=100))
    queued = world.ask("test.write_at_once")
    threading.Event().wait(0.2)
    operations.sweep_recovery(at=timezone.now())
    assert end_of(queued.execution) == ("expired", "none", "expired")


def test_the_sweeper_rings_again_for_what_nobody_claims(
    world: World, rings: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.queued()
    rings.clear()
    operations.sweep_recovery(at=timezone.now())
    assert rings == []  # not yet
    monkeypatch.setattr("awe_incidents.recovery.operations.sweeping.RING_AGAIN_SECONDS", 0)
    operations.sweep_recovery(at=timezone.now())
    assert rings == [("recovery", "recovery.execute_request", execution.pk)]


def test_withdrawing_is_for_the_requester_before_a_decision(world: World, other_operator: User) -> None:
    request = world.ask()
    with pytest.raises(RoleRequired):
        operations.withdraw_request(request=request, user=other_operator, by=actor(other_operator), at=timezone.now())
    withdrawn = operations.withdraw_request(
        request=request, user=world.operator, by=actor(world.operator), at=timezone.now()
    )
    assert withdrawn.state == "withdrawn"
    with pytest.raises(TransitionNotAllowed):
        world.approve(request)


@pytest.mark.recovery_fault("glass broken twice", counted="requests that were approved by it")
def test_a_broken_glass_goes_past_the_approval_once_and_is_reviewed_by_another(
    world: World, responder: User, other_operator: User
) -> None:
    incident = world.incident()
    request, later = world.ask(incident=incident), world.ask(incident=incident, file="other")
    assert _break(request, responder).state == "approved"
    with pytest.raises(BreakGlassRefused):
        _break(later, responder)
    with pytest.raises(BreakGlassRefused):
        _break(later, _person("second-responder", Role.RESPONDER))  # the stack has one that waits for its review
    with pytest.raises(OwnBreakGlass):
        _review(request, _with_role(responder, Role.APPROVER))
    review = _review(request, world.approver)
    assert (review.state, review.verdict, review.reviewer) == ("reviewed", "violation", world.approver)
    assert _break(later, responder).state == "approved"
    assert TimelineEntry.objects.filter(incident=incident, kind="recovery_glass_broken").count() == 2


def test_the_glass_is_broken_so_often_a_day(world: World, responder: User, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = world.incident()
    for number in range(policies.MAX_BREAK_GLASS):
        request = world.ask(incident=incident, file="abc"[number])
        _break(request, responder)
        _review(request, world.approver)
    with pytest.raises(BreakGlassRefused, match="3 times"):
        _break(world.ask(incident=incident, file="d"), responder)


def test_a_broken_glass_takes_role_and_incident(world: World, responder: User) -> None:
    with pytest.raises(IncidentRequired):
        _break(world.ask(), responder)
    with pytest.raises(RoleRequired):
        _break(world.ask(incident=world.incident()), world.operator)


def test_what_may_destroy_a_stack_takes_its_typed_name_past_the_approval_too(world: World, responder: User) -> None:
    request = world.ask("test.write_for_good", incident=world.incident())
    for typed in ("", "Plain"):
        with pytest.raises(StackNotNamed):
            _break(request, responder, typed_stack=typed)
    assert not Review.objects.exists()
    assert _break(request, responder, typed_stack="plain").state == "approved"


def test_a_broken_glass_does_not_wait_for_long(world: World, responder: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe_incidents.recovery.operations.breaking_glass.BREAK_GLASS_TIME", timedelta(milliseconds=50))
    request = _break(world.ask(incident=world.incident()), responder)
    threading.Event().wait(0.1)
    with pytest.raises(NotClaimed, match="time was up"):
        operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("expired", "none", "expired")


def _break(request: RecoveryRequest, user: User, **more: str) -> RecoveryRequest:
    return operations.break_glass(
        request=request, user=user, by=actor(user), at=timezone.now(), because="the site is down", **more
    )


def _review(request: RecoveryRequest, user: User) -> Review:
    return operations.review_break_glass(
        request=request,
        verdict=ReviewVerdict.VIOLATION,
        user=user,
        by=actor(user),
        at=timezone.now(),
        findings="it could have waited",
    )


def _with_role(user: User, role: Role) -> User:
    user.roles = [*user.roles, role.value]
    user.save(update_fields=["roles"])
    return user


CONTROLLING = [{"file": "target\n"}, {"file": "target", "user": "a\tb"}, {"file": "target", "user": "\x7f"}]


@pytest.mark.parametrize(
    "document", [{}, {"file": 1}, {"file": "UPPER"}, {"file": "a", "other": 1}, [], "x", None, *CONTROLLING]
)
def test_parameters_that_break_the_schema_are_refused(world: World, document: object) -> None:
    with pytest.raises(ParametersInvalid):
        operations.plan_action(stack=world.stack, slug="test.write", document=document, user=world.operator)


def test_planning_stores_nothing_and_names_what_there_is(world: World) -> None:
    planned = operations.plan_action(
        stack=world.stack, slug="test.write", document={"file": "target", "lines": 2}, user=world.operator
    )
    assert [step["title"] for step in planned.plan["steps"]] == ["Write line 1", "Write line 2"]
    assert not RecoveryRequest.objects.exists()
    with pytest.raises(UnknownAction):
        operations.plan_action(stack=world.stack, slug="no.such", document={}, user=world.operator)
    with pytest.raises(ActionNotApplicable):  # no database is described
        operations.plan_action(
            stack=world.stack, slug="database.terminate_sessions", document={"database": "x"}, user=world.operator
        )


@pytest.mark.recovery_fault("trail down", counted="requests, decisions and the state of the execution")
def test_without_a_trail_nothing_is_asked_approved_or_started(world: World) -> None:
    pending, execution = world.ask(), world.queued(file="other")
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute("ALTER TABLE audit_entry RENAME TO audit_entry_away")
        try:
            with pytest.raises(TrailUnavailable):
                world.ask()
            for decide in (world.approve, world.deny):
                with pytest.raises(TrailUnavailable):
                    decide(pending)
            with pytest.raises((TrailUnavailable, DatabaseError)):
                operations.execute(execution_id=execution.pk)
        finally:
            superuser.execute("ALTER TABLE audit_entry_away RENAME TO audit_entry")
    pending.refresh_from_db()
    assert pending.state == "pending_approval"
    assert end_of(execution) == ("queued", "none", "approved")


@pytest.mark.recovery_fault("signer down", counted="lines that the target got; executions")
def test_without_a_signer_nothing_is_queued_and_a_denial_still_counts(
    world: World, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued, pending = world.queued(file="other"), world.ask(incident=world.incident())
    monkeypatch.setattr(signed, "SILENT_SECONDS", 0.1)
    threading.Event().wait(0.3)
    starts: list[Callable[[], object]] = [
        lambda: world.approve(pending),
        lambda: _break(pending, responder),
        lambda: world.ask("test.write_at_once"),
    ]
    for start in starts:
        with pytest.raises(TrailUnavailable, match="not signed now"):
            start()
    assert [one.pk for one in Execution.objects.all()] == [queued.pk]
    assert world.deny(pending).state == "denied"
    monkeypatch.setattr(executing, "SIGNATURE_SECONDS", 0.2)
    operations.execute(execution_id=queued.pk)
    assert end_of(queued) == ("queued", "none", "approved")
    assert world.lines("other") == []


def test_where_entries_are_signed_it_is_queued(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = world.ask()
    monkeypatch.setattr(signed, "SILENT_SECONDS", 0.1)
    ends_at = time.monotonic() + 30
    while not is_signed(Entry.objects.latest("id").pk):
        assert time.monotonic() < ends_at
    threading.Event().wait(0.3)
    assert world.approve(pending).state == "approved"


@pytest.mark.recovery_fault("approved and denied", counted="executions of 100 (nightly 1,000) requests")
def test_approve_and_deny_at_once_have_one_winner_and_nothing_runs_after_a_denial(
    world: World, other_approver: User, signed_trail: None
) -> None:
    winners: set[str] = set()
    for _ in range(RACES):
        request = world.ask(file="race")
        begin = threading.Barrier(2)
        refused: list[Exception] = []
        threads = [
            threading.Thread(target=_race, args=(begin, refused, decide, request, user))
            for decide, user in ((world.approve, world.approver), (world.deny, other_approver))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        request.refresh_from_db()
        assert [type(one) for one in refused] == [TransitionNotAllowed]
        assert Execution.objects.filter(request=request).exists() == (request.state == "approved")
        assert request.decisions.count() == 1
        winners.add(request.state)
    assert winners <= {"approved", "denied"}
    denied = RecoveryRequest.objects.filter(state="denied")
    assert not Execution.objects.filter(request__in=denied).exists()
    assert Entry.objects.filter(verb="recovery_request:denied").count() == denied.count()


def _race(
    begin: threading.Barrier,
    refused: list[Exception],
    decide: Callable[..., RecoveryRequest],
    request: RecoveryRequest,
    user: User,
) -> None:
    try:
        begin.wait()
        decide(request, user=user)
    except Exception as error:
        refused.append(error)
    finally:
        connection.close()


def test_the_digest_covers_everything_that_is_shown(world: World) -> None:
    request = world.ask()
    assert is_bound(request)
    for row, name, value in (
        (request, "action", "test.write_at_once"),
        (request, "requester_id", world.approver.pk),
        (request, "expires_at", request.expires_at + timedelta(seconds=1)),
        (request.terms, "version", 2),
        (request.terms, "parameters", {**request.terms.parameters, "lines": 2}),
        (request.terms, "facts", {"content": "another"}),
        (request.terms, "plan", {**request.terms.plan, "destroys": []}),
    ):
        before = getattr(row, name)
        setattr(row, name, value)
        assert not is_bound(request), name
        setattr(row, name, before)
    assert is_bound(request)


def test_only_the_plan_that_was_seen_is_asked_for(world: World) -> None:
    document = {"file": "target"}
    seen = operations.plan_action(stack=world.stack, slug="test.write", document=document, user=world.operator).seen
    (world.root / "target").write_text("changed\n")
    how = {"user": world.operator, "by": actor(world.operator), "at": timezone.now(), "because": "it is broken"}
    with pytest.raises(DigestDiffers):
        operations.request_action(stack=world.stack, slug="test.write", document=document, seen=seen, **how)  # type: ignore[arg-type]
    assert not RecoveryRequest.objects.exists()
    (world.root / "target").unlink()
    assert operations.request_action(stack=world.stack, slug="test.write", document=document, seen=seen, **how)  # type: ignore[arg-type]

"""How often an action may start on one target, counted under the lock and by the database, too."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import TooOften
from awe_incidents.recovery.models import Decision, Execution, RecoveryRequest
from tests.recovery.conftest import World, actor

pytestmark = pytest.mark.django_db(transaction=True)
SELDOM, AT_ONCE = "test.write_seldom", "test.write_seldom_at_once"


def test_a_third_start_in_the_hour_is_refused_with_the_time_to_wait(world: World) -> None:
    for _ in range(2):
        world.ask(AT_ONCE)
    with pytest.raises(TooOften, match=r"at most 2 times in 3,600 s; .* ask again in 3,(600|59\d) s") as refused:
        world.ask(AT_ONCE)
    assert 3590 <= refused.value.retry_after_seconds <= 3600
    assert RecoveryRequest.objects.count() == 2
    world.ask(AT_ONCE, target="worker")  # another target
    world.ask("test.write_at_once")  # another action


def test_what_ended_without_effect_does_not_count(world: World) -> None:
    for _ in range(5):
        request = world.ask(AT_ONCE)
        operations.cancel_request(
            request=request, user=world.operator, by=actor(world.operator), at=timezone.now(), because="x"
        )


def test_what_was_long_ago_does_not_count(world: World) -> None:
    for hours in (2, 2, 0, 0):
        operations.request_action(
            stack=world.stack,
            slug=AT_ONCE,
            document={"file": "target"},
            user=world.operator,
            by=actor(world.operator),
            at=timezone.now() - timedelta(hours=hours),
            because="x",
        )
    with pytest.raises(TooOften):
        world.ask(AT_ONCE)


def test_an_approval_is_refused_where_others_were_first(world: World) -> None:
    waiting = [world.ask(SELDOM) for _ in range(3)]
    for request in waiting[:2]:
        world.approve(request)
    with pytest.raises(TooOften):
        world.approve(waiting[2])
    waiting[2].refresh_from_db()
    assert waiting[2].state == "pending_approval"
    with pytest.raises(TooOften):
        world.ask(SELDOM)


def test_a_break_glass_does_not_pass_it(world: World, responder: User) -> None:
    last = world.ask(SELDOM, incident=world.incident())
    for request in [world.ask(SELDOM) for _ in range(2)]:
        world.approve(request)
    with pytest.raises(TooOften):
        operations.break_glass(request=last, user=responder, by=actor(responder), at=timezone.now(), because="now")


def test_ten_at_once_start_twice(world: World) -> None:
    starting = threading.Barrier(10)
    ends: list[str] = []

    def ask() -> None:
        try:
            starting.wait()
            world.ask(AT_ONCE)
            ends.append("asked")
        except TooOften:
            ends.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["asked"] * 2 + ["refused"] * 8
    assert Execution.objects.count() == 2


def test_the_database_counts_as_well(world: World) -> None:
    waiting = [world.ask(SELDOM) for _ in range(3)]
    for request in waiting[:2]:
        world.approve(request)
    request = waiting[2]
    Decision.objects.create(
        request=request,
        person=world.approver,
        verdict="approved",
        digest=request.terms.digest,
        because="x",
        decided_at=timezone.now(),
    )
    RecoveryRequest.objects.filter(pk=request.pk).update(state="approved")
    with pytest.raises(IntegrityError, match="started as often as it may be"), transaction.atomic():
        Execution.objects.create(request=request, queued_at=timezone.now())


def test_a_refusal_is_in_the_trail_though_its_change_is_taken_back(world: World) -> None:
    by, at = actor(world.operator), timezone.now()
    for _ in range(2):
        world.ask(AT_ONCE)
    with pytest.raises(TooOften), operations.noting_refusals(by=by, at=at), transaction.atomic():
        world.ask(AT_ONCE)
    assert RecoveryRequest.objects.count() == 2
    assert Entry.objects.get(verb="stack:recovery_refused").subject_id == str(world.stack.pk)

"""What waits for whom, and its figures on the overview."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.triage.facts import address
from awe_incidents.triage.recovery_waiting import waiting_address
from tests.reconciliation.raising import strayed
from tests.recovery.conftest import World, actor, other_approver, other_operator, responder, rings, world
from tests.triage.world import signed_in

__all__ = ["other_approver", "other_operator", "responder", "rings", "world"]  # fixtures


def shown(user: User) -> Any:
    return signed_in(user).get(waiting_address()).context


def numbers(rows: Any) -> list[int]:
    return [one.request.pk for one in rows]


def test_an_approver_sees_first_what_they_may_decide_on(world: World, other_operator: User) -> None:
    world.approver.roles = ["approver", "operator"]
    world.approver.save()
    own, first, second = world.ask(user=world.approver), world.ask(), world.ask(user=other_operator)
    world.deny(world.ask())
    context = shown(world.approver)
    assert numbers(context["yours"]) == [first.pk, second.pk]  # the oldest first
    assert [one.href for one in context["yours"]] == [address(one, part="approve") for one in (first, second)]
    assert numbers(context["others"]) == [own.pk]
    assert "you asked for this" in context["others"][0].why_not


def test_the_page_asks_as_often_whatever_waits(world: World, other_operator: User) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as sent:
            assert signed_in(world.approver).get(waiting_address()).status_code == 200
        return len(sent)

    world.ask()
    one = asked()
    for _ in range(9):
        world.ask(user=other_operator)
    assert asked() == one


def test_who_decides_on_nothing_sees_why(world: World, auditor: User) -> None:
    request = world.ask()
    for user in (world.operator, auditor):
        context = shown(user)
        assert (context["yours"], numbers(context["others"])) == ([], [request.pk])
        assert "takes the role approver" in context["others"][0].why_not


def test_broken_glass_waits_for_another(world: World, responder: User, auditor: User) -> None:
    request = world.ask(incident=world.incident())
    how = {"user": responder, "by": actor(responder), "at": timezone.now(), "because": "it burns"}
    operations.break_glass(request=request, **how)  # type: ignore[arg-type]
    (row,) = shown(world.approver)["reviews"]
    assert row[1].href == address(request, part="review")
    (row,) = shown(auditor)["reviews"]
    assert (row[1].href, "takes the role approver" in row[1].why_not) == ("", True)
    assert numbers(shown(world.approver)["yours"]) == []
    assert [one.request_id for one in shown(auditor)["under_way"]] == [request.pk]


def test_the_overview_counts_what_waits(world: World, responder: User, reporter: User) -> None:
    world.ask()
    world.queued(target="worker")
    request = world.ask(incident=world.incident())
    how = {"user": responder, "by": actor(responder), "at": timezone.now(), "because": "it burns"}
    operations.break_glass(request=request, **how)  # type: ignore[arg-type]
    strayed(world.stack)
    tiles = {tile.words: tile.number for tile in signed_in(world.operator).get("/admin/").context["recovery"]}
    assert tiles == {
        "approvals": 1,
        "reviews due": 1,
        "overdue": 0,
        "outcome unknown": 0,
        "under way": 2,
        "alarms": 1,
    }
    assert "recovery" not in signed_in(reporter).get("/admin/").context
    assert RecoveryRequest.objects.count() == 3

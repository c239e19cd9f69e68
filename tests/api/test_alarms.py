"""Alarms over HTTP: read by who reads recovery, settled once, with a reason, by an approver who had no part in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.reconciliation.models import Alarm, JudgedEvent
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.api.test_recovery import broken
from tests.conftest import _person, client_of
from tests.reconciliation.raising import raised, strayed
from tests.recovery.conftest import World, responder, rings, world

__all__ = ["responder", "rings", "world"]  # fixtures
ALARMS = "/api/v1/alarms/"
WHY = {"because": "Grace did it, and told me"}


def settle(user: User, alarm: Alarm, **more: Any) -> Any:
    return client_of(user).post(f"{ALARMS}{alarm.pk}/settling/", {**WHY, **more}, format="json")


def settlings() -> int:
    return Entry.objects.filter(verb="alarm:settled").count()


def test_an_alarm_is_read_with_its_events_and_settled_once(world: World) -> None:
    alarm = strayed(world.stack)
    other = JudgedEvent.objects.get(cause="itself")
    client = client_of(world.operator)
    read = client.get(f"{ALARMS}{alarm.pk}/").json()
    assert (read["kind"], read["stack"], read["settled_at"], read["settled_by"]) == (
        *("executed_never_approved", "plain"),
        *(None, ""),
    )
    events = client.get(read["url"] + "events/").json()["results"]
    assert [(one["action"], one["service"], one["cause"]) for one in events] == [
        ("kill", "api", "nobody"),
        ("die", "api", "nobody"),
    ]
    assert other.pk not in [one["id"] for one in events]
    answer = settle(world.approver, alarm)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["settled_by"], told["settled_because"], told["manual_action"]) == (
        *("approver", WHY["because"]),
        None,
    )
    assert answer.headers["Location"] == told["url"] == read["url"]
    assert client.get(read["url"]).json() == told
    entry = Entry.objects.get(verb="alarm:settled")
    assert (entry.actor, entry.subject_id) == (f"user:{world.approver.pk}", str(alarm.pk))
    problem_of(settle(world.approver, alarm), 409, "alarm-settled")
    assert settlings() == 1


def test_the_list_is_narrowed_down(world: World) -> None:
    first, second = strayed(world.stack), raised(world.stack, kind="engine_silent", key="silent:x")
    settle(world.approver, second)
    client = client_of(world.operator)

    def numbers(query: str = "") -> list[int]:
        return [one["id"] for one in client.get(f"{ALARMS}{query}").json()["results"]]

    assert numbers() == [second.pk, first.pk]
    assert numbers("?state=open") == [first.pk]
    assert numbers("?state=settled&kind=engine_silent&stack=plain") == [second.pk]
    assert numbers("?kind=approved_never_executed") == numbers("?stack=other") == []
    problem = problem_of(client.get(f"{ALARMS}?state=odd"), 400, "invalid")
    assert pointers_of(problem) == [("query", "#/state")]


@pytest.mark.parametrize("wrong", [{"because": ""}, {"because": " "}, {"because": None}, {"other": "x"}])
def test_without_a_reason_nothing_is_settled(world: World, wrong: dict[str, Any]) -> None:
    alarm = strayed(world.stack)
    problem = problem_of(settle(world.approver, alarm, **wrong), 400, "invalid")
    assert pointers_of(problem) == [("body", f"#/{next(iter(wrong))}")]
    assert settlings() == 0


def test_what_is_not_there_is_not_found(world: World) -> None:
    client = client_of(world.approver)
    for path in (f"{ALARMS}999/", f"{ALARMS}999/events/"):
        problem_of(client.get(path), 404, "not-found")
    problem_of(client.post(f"{ALARMS}999/settling/", WHY, format="json"), 404, "not-found")


@pytest.mark.parametrize("role", list(Role))
def test_who_may_read_and_settle(world: World, role: Role) -> None:
    alarm, person = strayed(world.stack), _person("person", role)
    client = client_of(person)
    for path in (ALARMS, f"{ALARMS}{alarm.pk}/", f"{ALARMS}{alarm.pk}/events/"):
        assert client.get(path).status_code == (403 if role == Role.REPORTER else 200), path
    answer = settle(person, alarm)
    assert answer.status_code == (201 if role == Role.APPROVER else 403)
    assert settlings() == (role == Role.APPROVER)


def test_being_a_superuser_or_a_token_without_the_scope_settles_nothing(world: World, auditor: User) -> None:
    alarm = strayed(world.stack)
    User.objects.filter(pk=auditor.pk).update(is_superuser=True)
    auditor.refresh_from_db()
    problem_of(settle(auditor, alarm), 403, "not-allowed")
    client = client_with(token_of(world.approver, scopes=["recovery:read"]))  # type: ignore[list-item]
    problem_of(client.post(f"{ALARMS}{alarm.pk}/settling/", WHY, format="json"), 403, "not-allowed")
    assert settlings() == 0


def test_nobody_settles_what_they_had_a_part_in(world: World) -> None:
    request = broken(world, world.operator)
    alarm = raised(world.stack, kind="approved_never_executed", key="execution:1", request=request)
    for user in (world.operator, request.review.broken_by):  # who asked, and who went past the approval
        user.roles = [*user.roles, "approver"]
        user.save(update_fields=["roles"])
        problem_of(settle(user, alarm), 403, "own-alarm")
    assert settlings() == 0
    assert settle(world.approver, alarm).status_code == 201


def test_a_reason_is_redacted(world: World) -> None:
    alarm = strayed(world.stack)
    settle(world.approver, alarm, because="they ran it with password=hunter2secret99")
    alarm.refresh_from_db()
    assert "hunter2secret99" not in alarm.settled_because
    assert alarm.settled_at is not None
    assert timezone.now() - alarm.settled_at < timedelta(minutes=1)

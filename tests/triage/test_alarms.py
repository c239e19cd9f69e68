"""Alarms at the desk: listed with what was settled, read with their evidence, settled by an approver with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery.operations import record_manual_action
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.recovery_waiting import waiting_address
from awe_incidents.triage.trail_links import row_address
from tests.conftest import _person
from tests.reconciliation.raising import raised, strayed
from tests.recovery.conftest import World, actor, rings, signed_trail, world
from tests.recovery.test_executing import execute
from tests.triage.test_recovery_requests import PASSWORD, with_password
from tests.triage.world import SCRIPT, incident_page, signed_in

__all__ = ["rings", "signed_trail", "world"]  # fixtures


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def settle(client: Client, alarm: Alarm, because: str = "Grace did it", password: str = PASSWORD) -> Any:
    return client.post(address(alarm, part="settle"), {"because": because, "password": password})


def numbers(rows: Any) -> list[int]:
    return [row.pk for row, _ in rows]


def test_an_open_alarm_stands_wherever_people_look_and_leads_to_its_page(world: World, auditor: User) -> None:
    incident = world.incident()
    alarm = strayed(world.stack)
    client = signed_in(auditor)
    for path in (list_address(Alarm), waiting_address(), incident_page(incident)):
        assert f'href="{address(alarm)}"' in client.get(path).content.decode(), path
    assert f'href="{list_address(Alarm)}"' in client.get("/admin/trail/").content.decode()
    assert row_address("alarm", str(alarm.pk), auditor) == address(alarm)
    assert "Trail of this alarm" in client.get(address(alarm)).content.decode()
    tiles = {tile.words: (tile.number, tile.href) for tile in client.get("/admin/").context["recovery"]}
    assert tiles["alarms"] == (1, list_address(Alarm))


def test_its_page_has_the_evidence(world: World) -> None:
    incident = world.incident()
    alarm = strayed(world.stack)
    by_hand = record_manual_action(
        stack=world.stack,
        done_by=f"Grace {SCRIPT}",
        done_at=alarm.last_at - timedelta(minutes=3),
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="it hung",
    )
    answer = signed_in(world.operator).get(address(alarm))
    page = answer.content.decode()
    assert [(one.action, one.service) for one in answer.context["events"]] == [("kill", "api"), ("die", "api")]
    for said in ("Executed, never approved", "signal 15", "follows from another", "plain-api-1", f"#{incident.pk}"):
        assert said in page, said
    assert f'href="{address(by_hand)}"' in page
    assert f'href="{address(world.stack, part="record-manual-action")}"' in page
    assert "takes the role approver" in page
    assert f'href="{address(incident)}"' in page
    assert SCRIPT not in page
    assert isinstance(incident, Incident)


@pytest.mark.django_db(transaction=True)
def test_of_an_execution_it_shows_the_request_and_what_was_done_then(world: World, signed_trail: None) -> None:
    execution = world.queued()
    execute(execution)
    execution.refresh_from_db()
    assert execution.started_at is not None
    alarm = raised(
        world.stack,
        kind="approved_never_executed",
        key=f"execution:{execution.pk}",
        at=execution.started_at,
        request=execution.request,
    )
    answer = signed_in(world.approver).get(address(alarm))
    assert f'href="{address(execution.request)}"' in answer.content.decode()
    assert [one.pk for one in answer.context["executions"]] == [execution.pk]
    assert answer.context["events"] == []


def test_an_approver_settles_it_with_a_reason_and_the_password(world: World) -> None:
    alarm, client = strayed(world.stack), with_password(world.approver)
    assert f'href="{address(alarm, part="settle")}"' in client.get(address(alarm)).content.decode()
    for because, password, status in (("", PASSWORD, 400), ("x", "", 400), ("x", "wrong", 403)):
        assert settle(client, alarm, because, password).status_code == status
    assert Alarm.objects.get().settled_at is None
    answer = settle(client, alarm, f"Grace did it {SCRIPT}")
    assert (answer.status_code, answer["Location"]) == (302, address(alarm))
    page = client.get(address(alarm)).content.decode()
    assert "Grace did it" in page
    assert SCRIPT not in page
    assert address(alarm, part="settle") not in page
    assert (client.get(address(alarm, part="settle")).status_code, settle(client, alarm).status_code) == (403, 409)
    verbs = list(Entry.objects.order_by("-pk").values_list("verb", flat=True)[:3])
    assert verbs == ["user:reauthenticated", "alarm:settled", "user:reauthenticated"]
    assert Entry.objects.get(verb="alarm:settled").actor == f"user:{world.approver.pk}"


@pytest.mark.parametrize("role", list(Role))
def test_who_may_settle_is_as_by_http(world: World, role: Role) -> None:
    alarm = strayed(world.stack)
    answer = settle(with_password(_person("person", role)), alarm)
    assert answer.status_code == (302 if role == Role.APPROVER else 403)
    assert (Alarm.objects.get().settled_at is not None) == (role == Role.APPROVER)


def test_who_asked_for_it_does_not_settle_it(world: World) -> None:
    request = world.ask()
    alarm = raised(world.stack, kind="approved_never_executed", key="execution:1", request=request)
    world.operator.roles = ["operator", "approver"]
    world.operator.save(update_fields=["roles"])
    client = with_password(world.operator)
    page = client.get(address(alarm)).content.decode()
    assert ("you had a part in" in page, address(alarm, part="settle") in page) == (True, False)
    answer = client.get(address(alarm, part="settle"))
    assert (answer.status_code, "you had a part in" in answer.content.decode()) == (403, True)
    assert settle(client, alarm).status_code == 403
    assert Alarm.objects.get().settled_at is None


def test_the_list_has_open_ones_above_settled_ones_and_is_narrowed_down(world: World) -> None:
    first, second = strayed(world.stack), raised(world.stack, kind="engine_silent", key="silent:x")
    settle(with_password(world.approver), second)
    client = signed_in(world.operator)

    def shown(query: str = "") -> tuple[list[int], list[int]]:
        context = client.get(f"{list_address(Alarm)}{query}").context
        return numbers(context["open"]), numbers(context["lines"])

    assert shown() == ([first.pk], [second.pk])
    assert shown("?kind=engine_silent") == ([], [second.pk])
    assert shown("?stack=other") == ([], [])

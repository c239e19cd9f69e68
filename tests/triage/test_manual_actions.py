"""What was done by hand: recorded from an incident or a stack, redacted, and never shown as an execution."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.models import ManualAction
from awe_incidents.triage.facts import address, list_address
from diagnostics.models import Stack
from tests.triage.world import JWT, SCRIPT, signed_in

PART = "record-manual-action"


def said(**more: str) -> dict[str, str]:
    at = f"{timezone.now() - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}"
    return {"done_by": "", "done_at": at, "because": "the web was down", "commands": "", "output": "", **more}


def test_recorded_from_an_incident_with_its_texts_redacted(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    texts = {"commands": f"curl -H 'Authorization: Bearer {JWT}' {SCRIPT}", "output": f"ok {SCRIPT}"}
    answer = client.post(address(incident, part=PART), said(**texts))
    assert (answer.status_code, answer["Location"]) == (302, address(incident))
    row = ManualAction.objects.get()
    assert (row.incident, row.stack, row.person, row.done_by) == (incident, incident.stack, operator, "operator")
    assert JWT not in row.commands
    assert Entry.objects.latest("pk").verb == "manual_action:recorded"
    for path in (address(row), address(incident), list_address(ManualAction)):
        page = client.get(path).content.decode()
        assert "by hand" in page, path
        assert SCRIPT not in page, path
    assert "not executed by this service" in client.get(address(row)).content.decode()


def test_recorded_from_a_stack_for_somebody_else(stack: Stack, operator: User) -> None:
    signed_in(operator).post(address(stack, part=PART), said(done_by="Grace of the night shift"))
    row = ManualAction.objects.get()
    assert (row.incident, row.done_by, row.person) == (None, "Grace of the night shift", operator)


@pytest.mark.parametrize("wrong", [{"because": ""}, {"done_at": "2999-01-01T00:00:00"}, {"done_at": ""}])
def test_what_says_too_little_or_lies_ahead_is_not_taken(stack: Stack, operator: User, wrong: dict[str, str]) -> None:
    assert signed_in(operator).post(address(stack, part=PART), said(**wrong)).status_code == 400
    assert not ManualAction.objects.exists()


def test_only_operators_record(incident: Incident, approver: User, auditor: User, reporter: User) -> None:
    for user in (approver, auditor, reporter):
        assert signed_in(user).post(address(incident, part=PART), said()).status_code == 403
    assert not ManualAction.objects.exists()


def test_the_list_is_narrowed_down(incident: Incident, stack: Stack, operator: User) -> None:
    client = signed_in(operator)
    client.post(address(incident, part=PART), said())
    client.post(address(stack, part=PART), said())
    first, second = ManualAction.objects.order_by("pk")
    path = list_address(ManualAction)
    assert client.get(path).context["lines"] == [second, first]
    assert client.get(f"{path}?incident={incident.pk}").context["lines"] == [first]
    assert client.get(f"{path}?stack=other").context["lines"] == []

"""The stack's own security log of an incident over HTTP: for auditors, and said to be outside of the tree."""

from __future__ import annotations

import pytest

from awe_incidents.accounts.models import User
from awe_incidents.api.v1 import audit_stack_events
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.stack_events import CHECK
from diagnostics.models import Evidence, Stack
from tests.api.conftest import client_with, problem_of, token_of
from tests.triage.test_stack_events import logged, seen_by_run
from tests.triage.world import file


@pytest.fixture
def incident(stack: Stack, operator: User) -> Incident:
    return file(stack, operator)[0].incident


def address(incident: Incident) -> str:
    return f"/api/v1/audit/incidents/{incident.pk}/stack-events/"


def test_what_runs_saw_is_told_and_marked(incident: Incident, operator: User, auditor: User) -> None:
    first = seen_by_run(incident, operator, logged(5, "login_failed"), logged(5, "login_failed"))
    second = seen_by_run(incident, operator, logged(5, "login_failed"), logged(6, "account_locked", address=""))
    answer = client_with(token_of(auditor)).get(address(incident))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["incident"], told["in_tree"], told["is_cut"]) == (incident.pk, False, False)
    lockout, refusal = told["events"]
    assert (lockout["kind"], lockout["occurred_at"], lockout["address"]) == ("lockout", "2026-03-01T12:06:00Z", None)
    assert (refusal["kind"], refusal["user"], refusal["times"]) == ("failure", "mark-maria", 2)
    assert [one["run"] for one in refusal["seen_by"]] == [first.pk, second.pk]
    piece = Evidence.objects.get(result__run=second, result__slug=CHECK)
    assert lockout["seen_by"][0]["evidence_url"].endswith(f"/api/v1/evidence/{piece.pk}/")


def test_there_is_an_end_to_them(
    incident: Incident, operator: User, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_stack_events, "MAX_EVENTS", 2)
    seen_by_run(incident, operator, *(logged(minute, "login_failed") for minute in range(3)))
    told = client_with(token_of(auditor)).get(address(incident)).json()
    assert told["is_cut"]
    assert [one["occurred_at"][14:16] for one in told["events"]] == ["02", "01"]


def test_an_incident_without_runs_has_none_and_one_that_is_not_there_is_not_found(
    incident: Incident, auditor: User
) -> None:
    client = client_with(token_of(auditor))
    assert client.get(address(incident)).json()["events"] == []
    incident.pk += 1
    problem_of(client.get(address(incident)), 404, "not-found")


def test_who_is_no_auditor_reads_none(incident: Incident, operator: User) -> None:
    problem_of(client_with(token_of(operator)).get(address(incident)), 403, "not-allowed")

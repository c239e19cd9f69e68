"""A stack whose description or secrets cannot be read: filing is refused by name, nothing is lost or half stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import BugReport, Incident
from diagnostics.models import Run, Stack
from diagnostics.operations import apply_stack, set_stack_secret
from diagnostics.stack import parse_toml
from tests.api.conftest import FIELDS, FILING, file_report, problem_of
from tests.conftest import PLAIN_STACK, SETUP, client_of

VALUE = "tr0ub4dor&3-battery"


@pytest.fixture
def client(reporter: User) -> APIClient:
    """The reporter's client."""
    return client_of(reporter)


def _change_key(settings: Any) -> list[str]:
    before, settings.AWE_ENCRYPTION_KEYS = settings.AWE_ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    return list(before)


def _outdate(stack: Stack) -> None:
    document = {**stack.document, "vantage": "from the moon"}
    Stack.objects.filter(pk=stack.pk).update(document=document, digest="0" * 64)


def test_a_redaction_key_that_fits_no_key_is_told_and_the_repetition_is_taken(
    client: APIClient, stack: Stack, settings: Any
) -> None:
    keys, entries = _change_key(settings), Entry.objects.count()
    Stack.objects.filter(pk=stack.pk).update(digest="1" * 64)  # no redactor of it is kept in this process
    key = {"Idempotency-Key": "k"}
    response = client.post(FILING, FIELDS, format="json", headers=key)
    detail = problem_of(response, 503, "secret-unreadable")["detail"]
    assert "stack plain, redaction key" in detail
    assert "AWE_ENCRYPTION_KEYS" in detail
    assert int(response.headers["Retry-After"]) > 0
    assert (BugReport.objects.count(), Incident.objects.count(), Run.objects.count()) == (0, 0, 0)
    assert Entry.objects.count() == entries

    settings.AWE_ENCRYPTION_KEYS = [*settings.AWE_ENCRYPTION_KEYS, *keys]
    assert client.post(FILING, FIELDS, format="json", headers=key).status_code == 201
    assert BugReport.objects.count() == 1


def test_a_stored_secret_that_fits_no_key_is_named_and_can_be_stored_again(
    client: APIClient, stack: Stack, settings: Any
) -> None:
    keys = _change_key(settings)
    set_stack_secret(stack=stack, name="login", value=VALUE, by=SETUP, at=timezone.now())
    settings.AWE_ENCRYPTION_KEYS = keys
    response = client.post(FILING, FIELDS, format="json")
    detail = problem_of(response, 503, "secret-unreadable")["detail"]
    assert "db:login" in detail
    assert "manage.py set_stack_secret plain login" in detail
    assert VALUE not in detail

    set_stack_secret(stack=stack, name="login", value=VALUE, by=SETUP, at=timezone.now())
    filed = file_report(client, actual_behavior=f"it says {VALUE}")
    assert VALUE not in filed["actual_behavior"]


def test_a_description_that_is_not_valid_any_more_is_told_until_it_is_applied_again(
    client: APIClient, stack: Stack, tmp_path: Path
) -> None:
    _outdate(stack)
    response = client.post(FILING, FIELDS, format="json")
    detail = problem_of(response, 409, "description-outdated")["detail"]
    assert "stack plain" in detail
    assert "vantage" in detail
    assert "manage.py apply_stack" in detail
    assert not Incident.objects.exists()

    apply_stack(config=parse_toml(PLAIN_STACK, folder=tmp_path), by=SETUP, at=timezone.now())
    assert client.post(FILING, FIELDS, format="json").status_code == 201


def test_what_an_operator_writes_is_refused_by_name_too(operator: User, stack: Stack) -> None:
    client = client_of(operator)
    incident = client.post("/api/v1/incidents/", {"stack": "plain", "title": "x"}, format="json").json()
    _outdate(stack)
    step = {"action": "resolve", "because": "a duplicate"}
    address = f"/api/v1/incidents/{incident['id']}/transitions/"
    response = client.post(address, step, format="json", headers={"If-Match": "*"})
    problem_of(response, 409, "description-outdated")
    response = client.post("/api/v1/incidents/", {"stack": "plain", "title": "y"}, format="json")
    problem_of(response, 409, "description-outdated")
    assert Incident.objects.get().state == incident["state"]

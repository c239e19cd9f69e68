"""Similar incidents over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from diagnostics.models import Stack
from diagnostics.operations.runs import close_run
from tests.api.conftest import Filed, client_with, filed_by, pointers_of, problem_of, tag_of, token_of


def finished(user: User, mark: str) -> Filed:
    """File a report on an incident of its own, and let its run find the expired certificate."""
    filed = filed_by(user, mark=mark, new_incident=True)
    close_run(run_id=filed.run, code="run.deadline", message="enough", at=timezone.now())
    return filed


@pytest.fixture
def past(stack: Stack, reporter: User, operator: User) -> Filed:
    """A resolved incident of the reporter."""
    filed = finished(reporter, "past-1111")
    client, address = client_with(token_of(operator)), f"/api/v1/incidents/{filed.incident}/"
    step = {"action": "resolve", "because": "the certificate was renewed", "despite_failed_checks": "not looked again"}
    assert (
        client.post(f"{address}transitions/", step, format="json", headers=tag_of(client, address)).status_code == 201
    )
    return filed


@pytest.fixture
def present(past: Filed, reporter: User) -> Filed:
    """An open one."""
    return finished(reporter, "present-2222")


def similar(client: APIClient, filed: Filed, query: str = "") -> Any:
    address = client.get(f"/api/v1/incidents/{filed.incident}/").json()["links"]["similar"]
    return client.get(f"{address}{query}")


def test_similar_incidents_say_why_and_how_they_were_resolved(past: Filed, present: Filed, operator: User) -> None:
    client = client_with(token_of(operator))
    answer = similar(client, present)
    body = answer.json()
    assert (body["incident"], body["cause"], body["signatures"]) == (present.incident, "server_certificate_expired", [])
    [one] = body["results"]
    assert (one["id"], one["stack"], one["state"], one["score"]) == (past.incident, "plain", "resolved", 0.7)
    assert one["title"] == "past-1111 is broken"
    assert (one["same_cause"], one["same_subject"], one["cause"]) == (True, True, body["cause"])
    assert one["resolution"]["because"] == "the certificate was renewed"
    assert one["resolution"]["by"] == "user:operator"
    assert client.get(one["url"]).json()["opened_at"] == one["opened_at"]
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(f"/api/v1/incidents/{present.incident}/similar/", headers=etag).status_code == 304


def test_the_number_is_bounded(past: Filed, present: Filed, reporter: User) -> None:
    finished(reporter, "third-3333")
    client = client_with(token_of(reporter))
    assert [one["id"] for one in similar(client, present, "?limit=1").json()["results"]] == [past.incident]
    for wrong in ("?limit=0", "?limit=51", "?limit=x"):
        assert pointers_of(problem_of(similar(client, present, wrong), 400, "invalid")) == [("query", "#/limit")]


def test_nothing_of_what_the_reader_may_not_see_is_told(
    past: Filed, present: Filed, reporter: User, other_reporter: User, operator: User
) -> None:
    before = similar(client_with(token_of(reporter)), present).json()
    secret = finished(other_reporter, "secret-9999")
    told = similar(client_with(token_of(reporter)), present)
    assert told.json() == before
    assert "secret-9999" not in told.content.decode()
    assert similar(client_with(token_of(other_reporter)), secret).json()["results"] == []
    seen = similar(client_with(token_of(operator)), present).json()["results"]
    assert [one["id"] for one in seen] == [past.incident, secret.incident]


def test_an_incident_without_a_finding_has_none(mine: Filed, reporter: User) -> None:
    body = similar(client_with(token_of(reporter)), mine).json()
    assert body == {"incident": mine.incident, "cause": "", "subject": "", "signatures": [], "results": []}

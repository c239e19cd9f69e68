"""What a report lacks, in the answers of the API: to filing, of the report, and on its incident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.operations import open_incident
from diagnostics.models import Stack
from tests.api.conftest import FILING, client_with, file_report, token_of
from tests.conftest import SETUP, client_of

WHOLE: dict[str, Any] = {
    "environment": "Development",
    "docker_compose_version": "v2.30.3",
    "container_logs": "api-1  | ERROR 502 Bad Gateway",
    "steps_to_reproduce": "1. open the page\n2. log in",
    "expected_behavior": "The start page is shown.",
    "actual_behavior": "502 Bad Gateway for everybody since noon",
}


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The reporter's client."""
    return client_with(token_of(reporter))


def test_the_answer_to_filing_says_what_to_add(client: APIClient) -> None:
    body = file_report(
        client, **WHOLE | {"environment": "Staging", "container_logs": "", "steps_to_reproduce": "log in"}
    )
    assert body["completeness"] == 60
    told = [(one["section"], one["code"], one["weight"]) for one in body["lint"]]
    assert told == [
        ("container_logs", "missing", 20),
        ("steps_to_reproduce", "too_short", 10),
        ("steps_to_reproduce", "not_listed", 10),
        ("environment", "not_the_stacks", 0),
    ]
    assert body["lint"][0]["message"] == "Container Logs: The section is empty. Fill it in."
    assert client.get(body["links"]["self"]).json()["lint"] == body["lint"]


def test_a_complete_report_lacks_nothing(client: APIClient) -> None:
    body = file_report(client, **WHOLE)
    assert (body["completeness"], body["lint"]) == (100, [])


def test_the_reports_in_a_list_have_their_score(client: APIClient) -> None:
    file_report(client, **WHOLE)
    (row,) = client.get(FILING).json()["results"]
    assert row["completeness"] == 100
    assert "lint" not in row


def test_an_incident_has_the_score_of_its_best_report_that_the_reader_may_see(
    client: APIClient, reporter: User, other_reporter: User, operator: User
) -> None:
    mine = file_report(client, **WHOLE | {"container_logs": ""})
    theirs = file_report(client_of(other_reporter), **WHOLE)
    assert theirs["incident"] == mine["incident"]
    address = mine["links"]["incident"]
    assert client.get(address).json()["completeness"] == 80
    assert client_of(other_reporter).get(address).json()["completeness"] == 100
    assert client_of(operator).get(address).json()["completeness"] == 100
    moved = client_of(operator).post(
        f"{address}transitions/", {"action": "acknowledge"}, format="json", headers={"If-Match": "*"}
    )
    assert (moved.status_code, moved.json()["completeness"]) == (201, 100)


def test_an_incident_without_a_report_has_no_score(stack: Stack, operator: User) -> None:
    incident = open_incident(stack=stack, title="seen", user=operator, by=SETUP, at=timezone.now())
    answer = client_of(operator).get(f"/api/v1/incidents/{incident.pk}/").json()
    assert answer["completeness"] is None


def test_the_best_score_is_read_from_an_index(client: APIClient, operator: User) -> None:
    """Also on an incident that gathered thousands of reports."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT completeness FROM incidents_bugreport WHERE incident_id = 1"
            " ORDER BY completeness DESC LIMIT 1"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Scan Backward using" in plan
    assert "Sort  (" not in plan


def test_the_codes_are_documented() -> None:
    from awe_incidents.incidents.lint import KINDS

    page = (Path(__file__).parents[2] / "docs" / "lint.md").read_text()
    assert all(f"`{code}`" in page for code in KINDS)

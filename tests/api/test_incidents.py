"""Incidents: opened and moved by operators, listed by filters."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from diagnostics.models import Stack
from tests.api.conftest import client_with, pointers_of, problem_of, tag_of, token_of

INCIDENTS = "/api/v1/incidents/"


@pytest.fixture
def client(operator: User, stack: Stack) -> APIClient:
    """An operator's client."""
    return client_with(token_of(operator))


@pytest.fixture
def incident(client: APIClient) -> dict[str, Any]:
    """An incident that the operator opened."""
    answer = client.post(INCIDENTS, {"stack": "plain", "title": "  it is\nslow "}, format="json")
    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    body: dict[str, Any] = answer.json()
    return body


def step(client: APIClient, incident: dict[str, Any], **body: Any) -> Any:
    address = incident["links"]["self"]
    return client.post(f"{address}transitions/", body, format="json", headers=tag_of(client, address))


def test_an_incident_is_opened_without_a_report(client: APIClient, incident: dict[str, Any]) -> None:
    assert incident["title"] == "it is slow"
    assert (incident["state"], incident["severity"], incident["category"]) == ("open", "", "")
    assert client.get(incident["links"]["self"]).json() == incident
    assert client.get(incident["links"]["runs"]).json()["results"] == []
    assert Entry.objects.filter(verb="incident:opened", incident_id=incident["id"]).count() == 1


@pytest.mark.parametrize("title", ["", "   ", "\n", "\x1e", "\x85\u2028", "x" * 201])
def test_a_title_says_something_in_a_line(client: APIClient, title: str) -> None:
    answer = client.post(INCIDENTS, {"stack": "plain", "title": title}, format="json")
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", "#/title")]


def test_steps_are_taken_in_order_and_refused_by_name(client: APIClient, incident: dict[str, Any]) -> None:
    taken = step(client, incident, action="acknowledge")
    assert (taken.status_code, taken.json()["state"]) == (201, "acknowledged")
    refused = problem_of(step(client, incident, action="acknowledge"), 409, "transition-not-allowed")
    assert pointers_of(refused) == [("body", "#/action")]
    unexplained = problem_of(step(client, incident, action="resolve"), 400, "reason-required")
    assert pointers_of(unexplained) == [("body", "#/because")]
    assert step(client, incident, action="resolve", because="renewed").json()["state"] == "resolved"


def test_a_step_on_nothing_is_not_found(client: APIClient) -> None:
    problem_of(client.post(f"{INCIDENTS}999999/transitions/", {"action": "close"}, format="json"), 404, "not-found")
    problem_of(client.post(f"{INCIDENTS}{2**63}/runs/", {"suite": "ssl"}, format="json"), 404, "not-found")


def test_incidents_are_filtered_by_state_severity_and_stack(client: APIClient, incident: dict[str, Any]) -> None:
    other = client.post(INCIDENTS, {"stack": "plain", "title": "other"}, format="json").json()
    step(client, other, action="acknowledge")
    Incident.objects.filter(pk=other["id"]).update(severity="high")
    for query, found in (
        ("state=open", [incident["id"]]),
        ("state=acknowledged", [other["id"]]),
        ("severity=high", [other["id"]]),
        ("severity=low", []),
        ("stack=plain", [other["id"], incident["id"]]),
        ("stack=plain&state=open&severity=high", []),
    ):
        assert [row["id"] for row in client.get(f"{INCIDENTS}?{query}").json()["results"]] == found


def test_stacks_are_told_without_the_particulars_of_their_description(client: APIClient) -> None:
    [stack] = client.get("/api/v1/stacks/").json()["results"]
    assert stack == client.get(stack["url"]).json()
    assert set(stack) == {
        *("name", "url", "environment", "vantage", "description", "services", "emergency_contacts", "applied_at"),
        "schedule",
    }
    assert (stack["name"], stack["services"], stack["schedule"]) == ("plain", ["api"], None)
    problem_of(client.get("/api/v1/stacks/nowhere/"), 404, "not-found")


def classify(client: APIClient, incident: dict[str, Any], body: Any, **headers: str) -> Any:
    address = incident["links"]["self"]
    return client.patch(address, body, format="json", headers=headers or tag_of(client, address))


def test_an_incident_is_classified_in_parts(client: APIClient, incident: dict[str, Any]) -> None:
    answer = classify(client, incident, {"severity": "high", "because": "everybody"})
    body = answer.json()
    assert (answer.status_code, body["severity"], body["category"], body["version"]) == (200, "high", "", 2)
    assert client.get(incident["links"]["self"], headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    body = classify(client, incident, {"category": "ssl"}).json()
    assert (body["severity"], body["category"]) == ("high", "ssl")
    body = classify(client, incident, {"severity": ""}).json()
    assert (body["severity"], body["category"], body["version"]) == ("", "ssl", 4)
    assert classify(client, incident, {}).json() == body
    assert Entry.objects.filter(verb="incident:classified").count() == 3


@pytest.mark.parametrize(
    "body", [{"severity": "terrible"}, {"category": 5}, {"severity": None}, {"state": "closed"}, {"title": "x"}]
)
def test_a_classification_takes_known_words_only(client: APIClient, incident: dict[str, Any], body: Any) -> None:
    told = problem_of(classify(client, incident, body), 400, "invalid")
    assert pointers_of(told) == [("body", f"#/{next(iter(body))}")]


def test_changes_of_an_incident_say_what_they_were_decided_on(client: APIClient, incident: dict[str, Any]) -> None:
    address = incident["links"]["self"]
    steps = f"{address}transitions/"
    read = tag_of(client, address)
    for answer in (
        client.patch(address, {"severity": "high"}, format="json"),
        client.post(steps, {"action": "acknowledge"}, format="json"),
    ):
        assert pointers_of(problem_of(answer, 428, "precondition-required")) == [("header", "#/If-Match")]
    assert classify(client, incident, {"severity": "high"}, **read).status_code == 200
    for answer in (
        client.patch(address, {"severity": "low"}, format="json", headers=read),
        client.post(steps, {"action": "acknowledge"}, format="json", headers=read),
    ):
        assert pointers_of(problem_of(answer, 412, "stale-version")) == [("header", "#/If-Match")]
    assert step(client, incident, action="acknowledge").status_code == 201


def test_a_reporter_may_not_classify(incident: dict[str, Any], reporter: User) -> None:
    answer = client_with(token_of(reporter)).patch(incident["links"]["self"], {"severity": "high"}, format="json")
    problem_of(answer, 403, "not-allowed")

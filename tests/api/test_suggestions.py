"""What the service suggests for an incident over HTTP: shown, beside what a person said, accepted by one call."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from diagnostics.models import Run
from diagnostics.operations.runs import close_run
from tests.api.conftest import Filed, client_with, pointers_of, problem_of, tag_of, token_of
from tests.incidents.found import PORT_TAKEN, failure, finish


@pytest.fixture
def client(operator: User) -> APIClient:
    """An operator's client."""
    return client_with(token_of(operator))


@pytest.fixture
def address(mine: Filed) -> str:
    """The address of an incident whose run is finished: its server certificate is expired."""
    close_run(run_id=mine.run, code="run.deadline", message="enough", at=timezone.now())
    return f"/api/v1/incidents/{mine.incident}/"


def look_again(client: APIClient, address: str) -> int:
    """Let a later run find another cause; gives its number."""
    run = client.post(f"{address}runs/", {"suite": "database"}, format="json").json()["id"]
    finish(Run.objects.get(pk=run), failure(PORT_TAKEN, target="api"))
    return int(run)


def accept(client: APIClient, address: str, run: int, headers: dict[str, str] | None = None, **more: Any) -> Any:
    headers = tag_of(client, address) if headers is None else headers
    return client.post(f"{address}suggestion/acceptance/", {"run": run} | more, format="json", headers=headers)


def test_an_incident_tells_what_is_suggested_why_and_what_to_do(client: APIClient, address: str, mine: Filed) -> None:
    body = client.get(address).json()
    assert (body["severity"], body["severity_source"]) == ("critical", "service")
    assert (body["category"], body["category_source"]) == ("ssl", "service")
    one = body["suggestion"]
    assert (one["run"], one["cause"], one["severity"], one["category"]) == (
        mine.run,
        "server_certificate_expired",
        "critical",
        "ssl",
    )
    assert one["sentence"].startswith("The server certificate at ")
    page = "causes/server_certificate_expired.md"
    assert one["how_to"] == page
    assert one["actions"] == [{"action": "certificates.renew", "how_to": f"{page}#what-to-do"}]
    assert one["steps"][-1].startswith("Look again: ")
    assert (one["differs"], one["is_accepted"]) == (False, False)
    assert client.get(one["run_url"]).json()["id"] == mine.run


def test_an_incident_without_a_cause_has_no_suggestion(client: APIClient, mine: Filed) -> None:
    body = client.get(f"/api/v1/incidents/{mine.incident}/").json()
    assert (body["suggestion"], body["severity_source"], body["category_source"]) == (None, "", "")
    problem_of(accept(client, f"/api/v1/incidents/{mine.incident}/", mine.run), 409, "nothing-suggested")


def test_a_persons_words_stay_and_the_suggestion_stands_beside_them(client: APIClient, address: str) -> None:
    client.patch(address, {"severity": "low"}, format="json", headers=tag_of(client, address))
    run = look_again(client, address)
    body = client.get(address).json()
    assert (body["severity"], body["severity_source"]) == ("low", "person")
    assert (body["category"], body["category_source"]) == ("startup", "service")
    assert (body["suggestion"]["run"], body["suggestion"]["differs"]) == (run, True)


def test_a_run_that_finishes_meanwhile_refuses_nobody_and_loses_no_word(client: APIClient, address: str) -> None:
    read = tag_of(client, address)
    look_again(client, address)
    answer = client.patch(address, {"severity": "low"}, format="json", headers=read)
    assert (answer.status_code, answer.json()["severity"], answer.json()["category"]) == (200, "low", "startup")
    cached = client.get(address, headers={"If-None-Match": read["If-Match"]})
    assert cached.status_code == 200


def test_one_call_accepts_it(client: APIClient, address: str, mine: Filed) -> None:
    client.patch(address, {"severity": "low"}, format="json", headers=tag_of(client, address))
    answer = accept(client, address, mine.run, because="it is so")
    body = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, body["links"]["self"])
    assert (body["severity"], body["category"], body["suggestion"]["is_accepted"]) == ("critical", "ssl", True)
    assert (body["severity_source"], body["category_source"]) == ("person", "person")
    look_again(client, address)
    assert client.get(address).json()["severity"] == "critical"


def test_accepting_takes_what_was_read(client: APIClient, address: str, mine: Filed) -> None:
    problem_of(accept(client, address, mine.run, headers={}), 428, "precondition-required")
    read = tag_of(client, address)
    client.patch(address, {"severity": "low"}, format="json", headers=read)
    problem_of(accept(client, address, mine.run, headers=read), 412, "stale-version")
    look_again(client, address)
    told = problem_of(accept(client, address, mine.run), 412, "stale-version")
    assert "suggests something by now" in told["detail"]
    assert client.get(address).json()["severity"] == "low"


@pytest.mark.parametrize("body", [{"run": "1"}, {"run": 0}, {"run": None}, {"severity": "low", "run": 1}])
def test_an_acceptance_names_a_run_and_nothing_else(client: APIClient, address: str, body: dict[str, Any]) -> None:
    path = f"{address}suggestion/acceptance/"
    answer = client.post(path, body, format="json", headers=tag_of(client, address))
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", f"#/{next(iter(body))}")]


def test_an_acceptance_is_repeated_under_its_key(client: APIClient, address: str, mine: Filed) -> None:
    headers = tag_of(client, address) | {"Idempotency-Key": "the-same"}
    first, second = (accept(client, address, mine.run, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert Entry.objects.filter(verb="incident:classified").count() == 1


@pytest.mark.parametrize("role", ["reporter", "approver", "auditor"])
def test_who_does_not_triage_does_not_accept(
    request: pytest.FixtureRequest, address: str, mine: Filed, role: str
) -> None:
    client = client_with(token_of(request.getfixturevalue(role)))
    problem_of(accept(client, address, mine.run), 403, "not-allowed")


def test_the_history_says_so_to_the_reporter(reporter: User, address: str, mine: Filed) -> None:
    lines = client_with(token_of(reporter)).get(f"{address}timeline/?page_size=100").json()["results"]
    [line] = [one for one in lines if one["kind"] == "suggested"]
    assert line["actor"] == "service:worker"
    assert line["data"]["run"] == mine.run
    assert line["data"]["to"] == {"severity": "critical", "category": "ssl"}

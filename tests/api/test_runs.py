"""Runs: asked for by operators, followed by everybody with a conditional GET."""

from __future__ import annotations

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from diagnostics.models import Run, Stack
from diagnostics.operations import start_run
from tests.api.conftest import Filed, client_with, file_report, pointers_of, problem_of, see_something, token_of


@pytest.fixture
def client(operator: User, stack: Stack) -> APIClient:
    """An operator's client."""
    return client_with(token_of(operator))


def test_a_run_is_polled_without_sending_it_again(client: APIClient, stack: Stack) -> None:
    address = file_report(client)["run"]
    run = Run.objects.get()
    etags: list[str] = []
    for step in ("queued", "started", "seen"):
        if step == "started":
            start_run(run_id=run.pk, at=timezone.now())
        if step == "seen":
            see_something(run, mark="x")
        answer = client.get(address, headers={"If-None-Match": ", ".join(etags)} if etags else {})
        assert answer.status_code == 200, step
        etags.append(answer.headers["ETag"])
        assert answer.headers["Cache-Control"] == "private, no-cache"
        for known in (etags[-1], f"W/{etags[-1]}", f'"other", {etags[-1]}', "*"):
            again = client.get(address, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == etags[-1]
    assert len(set(etags)) == 3


def test_every_json_answer_has_an_etag_and_belongs_to_one_caller(client: APIClient, mine: Filed) -> None:
    for path in ("bug-reports/", "incidents/", "runs/", "stacks/", "stacks/plain/", f"evidence/{mine.evidence}/"):
        answer = client.get(f"/api/v1/{path}")
        assert client.get(f"/api/v1/{path}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
        assert "Authorization" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_precondition_that_does_not_hold_is_a_problem(client: APIClient) -> None:
    problem_of(client.get("/api/v1/runs/", headers={"If-Match": '"other"'}), 412, "precondition-failed")


def test_an_answer_to_a_write_is_kept_by_nobody(client: APIClient) -> None:
    answer = client.post("/api/v1/incidents/", {"stack": "plain", "title": "x"}, format="json")
    assert answer.headers["Cache-Control"] == "no-store"


def test_findings_evidence_and_counts_are_told(client: APIClient, mine: Filed) -> None:
    run = client.get(f"/api/v1/runs/{mine.run}/").json()
    result = next(one for one in run["results"] if one["evidence"])
    assert (result["state"], result["progress"], result["code"]) == ("fail", "stored", "certificate.expired")
    [finding] = result["findings"]
    assert finding["measured"] == {"days_left": {"value": -3, "unit": "d"}, "subject": {"value": "CN=x", "unit": ""}}
    assert finding["threshold"]["name"] == "min_days"
    assert {one["state"] for one in run["results"] if one["progress"] != "stored"} <= {""}


def test_an_operator_asks_for_another_run(client: APIClient, mine: Filed) -> None:
    answer = client.post(f"/api/v1/incidents/{mine.incident}/runs/", {"suite": "ssl"}, format="json")
    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json()["url"]
    assert client.get(answer.json()["url"]).json()["suite"] == "ssl"
    listed = client.get(f"/api/v1/incidents/{mine.incident}/runs/").json()["results"]
    assert [one["id"] for one in listed] == [answer.json()["id"], mine.run]


@pytest.mark.parametrize("body", [None, {}])
def test_without_a_suite_everything_is_looked_at(client: APIClient, mine: Filed, body: dict[str, str] | None) -> None:
    address = f"/api/v1/incidents/{mine.incident}/runs/"
    answer = client.post(address) if body is None else client.post(address, body, format="json")
    assert answer.json()["suite"] == "full"


def test_an_unknown_suite_is_refused(client: APIClient, mine: Filed) -> None:
    answer = client.post(f"/api/v1/incidents/{mine.incident}/runs/", {"suite": "everything"}, format="json")
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", "#/suite")]


def test_runs_are_filtered_by_stack_and_suite(client: APIClient, mine: Filed) -> None:
    client.post(f"/api/v1/incidents/{mine.incident}/runs/", {"suite": "ssl"}, format="json")
    assert [run["suite"] for run in client.get("/api/v1/runs/?suite=ssl").json()["results"]] == ["ssl"]
    assert len(client.get("/api/v1/runs/?stack=plain").json()["results"]) == 2

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from diagnostics.models import Diagnosis, Run
from diagnostics.operations.runs import close_run
from tests.api.conftest import Filed, client_with, problem_of, token_of
from tests.conftest import client_of


@pytest.fixture
def finished(mine: Filed) -> Filed:
    """A report whose run is finished, with one failed look."""
    close_run(run_id=mine.run, code="run.deadline", message="enough", at=timezone.now())
    return mine


def cause_of(body: dict[str, Any]) -> dict[str, Any]:
    (cause,) = body["causes"]
    return dict(cause)


def test_a_running_run_has_a_diagnosis_of_what_is_there(mine: Filed, reporter: User) -> None:
    client = client_of(reporter)
    answer = client.get(f"/api/v1/runs/{mine.run}/diagnosis/")
    body = answer.json()
    assert (body["state"], body["verdict"], body["format"]) == ("running", "diagnosed", 1)
    assert cause_of(body)["code"] == "server_certificate_expired"
    address = f"/api/v1/runs/{mine.run}/diagnosis/"
    assert client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_finished_run_keeps_its_diagnosis_with_links_to_exactly_the_lines(finished: Filed, reporter: User) -> None:
    client = client_of(reporter)
    body = client.get(f"/api/v1/runs/{finished.run}/diagnosis/").json()
    cause = cause_of(body)
    (span,) = cause["evidence"]
    assert span["url"].endswith(f"/api/v1/evidence/{finished.evidence}/text/?first_line=2&last_line=3")
    assert client.get(span["url"]).content.decode() == "second line\nthird line with ünïcode"
    assert body["suggested"] == {name: cause[name] for name in ("category", "severity", "actions")}
    assert Diagnosis.objects.get(run=finished.run).cause == cause["code"]


def test_an_incident_has_the_diagnosis_of_its_latest_run(finished: Filed, reporter: User) -> None:
    client = client_of(reporter)
    incident = client.get(f"/api/v1/incidents/{finished.incident}/").json()
    assert client.get(incident["links"]["diagnosis"]).json()["run"] == finished.run
    lines = client.get(incident["links"]["timeline"]).json()["results"]
    assert any("Likeliest cause: The server certificate" in line["text"] for line in lines)


def test_nothing_that_a_person_set_is_overwritten(finished: Filed, operator: User) -> None:
    incident = client_of(operator).get(f"/api/v1/incidents/{finished.incident}/").json()
    assert (incident["severity"], incident["category"]) == ("", "")


def test_a_diagnosis_can_be_had_as_markdown(finished: Filed, reporter: User) -> None:
    answer = client_of(reporter).get(f"/api/v1/runs/{finished.run}/diagnosis/", headers={"Accept": "text/markdown"})
    text = answer.content.decode()
    assert text.startswith(f"# Diagnosis of run {finished.run}: diagnosed\n")
    assert f"evidence/{finished.evidence}/text/?first_line=2&last_line=3" in text


def test_who_does_not_see_the_run_does_not_see_its_diagnosis(finished: Filed, other_reporter: User) -> None:
    client = client_with(token_of(other_reporter))
    problem_of(client.get(f"/api/v1/runs/{finished.run}/diagnosis/"), 404, "not-found")
    problem_of(client.get(f"/api/v1/incidents/{finished.incident}/diagnosis/"), 404, "not-found")


def test_a_run_from_before_has_none(finished: Filed, reporter: User) -> None:
    Diagnosis.objects.all().delete()
    problem_of(client_of(reporter).get(f"/api/v1/runs/{finished.run}/diagnosis/"), 404, "not-found")
    assert Run.objects.get(pk=finished.run).digest

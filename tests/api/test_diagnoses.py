from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from diagnostics.models import CheckResult, Diagnosis, Run
from diagnostics.operations.runs import close_run
from tests.api.conftest import Filed, client_with, filed_by, problem_of, tag_of, token_of
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


def measure(run_id: int, digest: str) -> None:
    """Let a run's stored result tell of a certificate's digest."""
    for row in CheckResult.objects.filter(run=run_id, state="fail"):
        row.findings[0]["measured"] = {"sha256": {"value": digest, "unit": "", "lasts": True}}
        row.save(update_fields=["findings"])


def test_what_changed_since_nothing_had_failed_is_told_with_the_lines_that_show_it(
    finished: Filed, reporter: User
) -> None:
    measure(finished.run, "aa*")
    Run.objects.filter(pk=finished.run).update(counts={"pass": 1})
    again = filed_by(reporter, mark="again-1234", new_incident=True)
    measure(again.run, "bb*")
    client = client_of(reporter)
    address = f"/api/v1/runs/{again.run}/diagnosis/"
    (change,) = client.get(address).json()["changed"]
    seen = CheckResult.objects.get(run=again.run, state="fail")
    assert (change["check"], change["what"], change["before"], change["after"]) == (seen.slug, "sha256", "aa*", "bb*")
    before = CheckResult.objects.get(run=finished.run, state="fail").started_at
    assert before is not None
    assert change["since"] == before.isoformat()
    (span,) = change["evidence"]
    assert f"/api/v1/evidence/{again.evidence}/text/" in span["url"]
    text = client.get(address, headers={"Accept": "text/markdown"}).content.decode()
    assert "sha256 is bb\\*, was aa\\* (since " in text


def test_an_incident_has_the_diagnosis_of_its_latest_run(finished: Filed, reporter: User) -> None:
    client = client_of(reporter)
    incident = client.get(f"/api/v1/incidents/{finished.incident}/").json()
    assert client.get(incident["links"]["diagnosis"]).json()["run"] == finished.run
    lines = client.get(incident["links"]["timeline"]).json()["results"]
    assert any("Likeliest cause: The server certificate" in line["text"] for line in lines)


def test_a_diagnosis_can_be_had_as_markdown(finished: Filed, reporter: User) -> None:
    answer = client_of(reporter).get(f"/api/v1/runs/{finished.run}/diagnosis/", headers={"Accept": "text/markdown"})
    text = answer.content.decode()
    assert text.startswith(f"# Diagnosis of run {finished.run}: diagnosed\n")
    assert f"evidence/{finished.evidence}/text/?first_line=2&last_line=3" in text


def test_coverage_says_how_many_looked_and_why_others_did_not(finished: Filed, reporter: User) -> None:
    client, address = client_of(reporter), f"/api/v1/runs/{finished.run}/diagnosis/"
    coverage = client.get(address).json()["coverage"]
    rows = dict(CheckResult.objects.filter(run=finished.run).values_list("slug", "code"))
    assert {one["check"]: one["code"] for group in coverage.values() for one in group} == rows
    assert [rows[one["check"]] for one in coverage["looked"]] == ["certificate.expired"]
    assert {one["code"] for one in coverage["could_not_look"]} == {"run.deadline"}
    text = client.get(address, headers={"Accept": "text/markdown"}).content.decode()
    blind = coverage["could_not_look"]
    assert f"\n{len(rows)} checks: 1 looked, {len(blind)} could not look\n" in text
    assert f"\n- could not look: {blind[0]['check']}: enough (run.deadline)\n" in text


def test_one_that_was_kept_before_coverage_was_told_has_none(finished: Filed, reporter: User) -> None:
    kept = Diagnosis.objects.get(run=finished.run)
    del kept.document["coverage"]
    kept.save(update_fields=["document"])
    client, address = client_of(reporter), f"/api/v1/runs/{finished.run}/diagnosis/"
    assert client.get(address).json()["coverage"] is None
    answer = client.get(address, headers={"Accept": "text/markdown"})
    assert answer.status_code == 200
    assert "looked" not in answer.content.decode()


def test_as_markdown_that_of_an_incident_tells_what_helped_before(
    finished: Filed, reporter: User, operator: User
) -> None:
    again = filed_by(reporter, mark="again-1234", new_incident=True)
    close_run(run_id=again.run, code="run.deadline", message="enough", at=timezone.now())
    client = client_with(token_of(operator))
    address = f"/api/v1/incidents/{finished.incident}/"
    step = {"action": "resolve", "because": "renewed *it*", "despite_failed_checks": "nobody looked again"}
    assert (
        client.post(f"{address}transitions/", step, format="json", headers=tag_of(client, address)).status_code == 201
    )

    address = f"/api/v1/incidents/{again.incident}/diagnosis/"
    text = client.get(address, headers={"Accept": "text/markdown"}).content.decode()
    suggested = f"Suggested for the incident: severity critical, category ssl; because of run {again.run}: The server"
    assert suggested in text
    assert f"/api/v1/incidents/{finished.incident}/) on plain, resolved: the same cause `server_cert" in text
    assert f"  - resolved {timezone.now():%Y-%m-%d} by user:operator: renewed \\*it\\*\n" in text
    of_runs_alone = client_with(token_of(operator, scopes=[Scope.RUNS_READ]))
    text = of_runs_alone.get(address, headers={"Accept": "text/markdown"}).content.decode()
    assert "# Diagnosis" in text
    assert "Similar" not in text
    assert "Suggested" not in text


def test_who_does_not_see_the_run_does_not_see_its_diagnosis(finished: Filed, other_reporter: User) -> None:
    client = client_with(token_of(other_reporter))
    problem_of(client.get(f"/api/v1/runs/{finished.run}/diagnosis/"), 404, "not-found")
    problem_of(client.get(f"/api/v1/incidents/{finished.incident}/diagnosis/"), 404, "not-found")


def test_a_run_from_before_has_none(finished: Filed, reporter: User) -> None:
    Diagnosis.objects.all().delete()
    problem_of(client_of(reporter).get(f"/api/v1/runs/{finished.run}/diagnosis/"), 404, "not-found")
    assert Run.objects.get(pk=finished.run).digest

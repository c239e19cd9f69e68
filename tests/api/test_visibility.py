"""Who sees what: every address that reads, in every role, with what another reporter filed."""

from __future__ import annotations

import itertools
import json
from dataclasses import fields
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope, scopes_of
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.models import BugReport, IncidentRun, IncidentWords, TimelineEntry
from diagnostics.models import Evidence, Run, Stack
from tests.api.conftest import FIELDS, FILING, Filed, client_with, file_report, problem_of, token_of

DETAILS = {
    "bug-reports/{report}/": "mark",
    "bug-reports/{report}/revisions/": "report",
    "bug-reports/{report}/revisions/1/": "mark",
    "incidents/{incident}/": "mark",
    "incidents/{incident}/runs/": "run",
    "incidents/{incident}/diagnosis/": "run",
    "incidents/{incident}/similar/": "incident",
    "incidents/{incident}/timeline/": "report",
    "runs/{run}/": "mark",
    "runs/{run}/diagnosis/": "run",
    "attachments/{attachment}/": "attachment",
    "attachments/{attachment}/content/": "mark",
    "bug-reports/{report}/attachments/": "attachment",
    "evidence/{evidence}/": "mark",
    "evidence/{evidence}/text/": "mark",
    "evidence/{evidence}/text/?first_line=6": "mark",
}
LISTS = ["bug-reports/", "incidents/", "runs/"]
FILTERS = ["", "?stack=plain", "?page_size=100", "?cursor=0", "?cursor=-0", "?cursor=9223372036854775807", "?cursor=-1"]
OF_NOBODY = ["stacks/", "stacks/plain/"]
OF_RECOVERY = [  # of a scope that reporters lack: test_recovery.py
    "recovery-actions/",
    "recovery-requests/",
    "recovery-requests/{recovery}/",
    "recovery-requests/{recovery}/output/",
    "manual-actions/",
    "manual-actions/{manual}/",
    "manual-actions/{manual}/attachments/",
    "manual-attachments/{file}/",
    "manual-attachments/{file}/content/",
    "freezes/",
    "freezes/{freeze}/",
    "maintenance-windows/",
    "maintenance-windows/{window}/",
    "alarms/",
    "alarms/{alarm}/",
    "alarms/{alarm}/events/",
]
# For auditors alone, whatever was filed by whom.
EVENT = str(UUID(int=1))
OF_AUDITORS = [
    "audit/entries/",
    f"audit/entries/{EVENT}/",
    f"audit/entries/{EVENT}/body/",
    f"audit/entries/{EVENT}/proof/",
    "audit/checkpoint/",
    "audit/consistency/",
    "audit/export/",
    "audit/log/checkpoint",
    "audit/log/tile/0/000",
    "audit/incidents/{incident}/stack-events/",
]
EVERYBODY = ["reporter", "other_reporter", "operator", "approver", "auditor"]


def get(user: User, path: str) -> Any:
    return client_with(token_of(user)).get(f"/api/v1/{path}")


def address(path: str, filed: Filed) -> str:
    return path.format(**{field.name: getattr(filed, field.name) for field in fields(filed)})


def test_the_matrix_has_every_address_that_reads() -> None:
    known = {path.partition("?")[0] for path in (*DETAILS, *LISTS, *OF_NOBODY, *OF_AUDITORS, *OF_RECOVERY)}
    found = {
        path.removeprefix("api/v1/")
        for path, view in _views(get_resolver().url_patterns)
        if issubclass(view, ScopedView) and "GET" in view.scopes
    }
    assert len(found) == len(known)
    for path in found:
        shape = path.replace("<int:id>", "{}").replace("<int:number>", "1").replace("<stack_name:name>", "plain")
        shape = shape.replace("<uuid:event_id>", EVENT).replace("<str:level>/<path:index>", "0/000")
        assert shape in {_shape(one) for one in known}


def _shape(path: str) -> str:
    return "".join("{}" if "{" in part else part for part in path.replace("{", "\0{").replace("}", "}\0").split("\0"))


def _views(patterns: list[Any], prefix: str = "") -> list[tuple[str, type]]:
    found: list[tuple[str, type]] = []
    for one in patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            found += _views(one.url_patterns, path)
        elif isinstance(one, URLPattern) and hasattr(one.callback, "view_class"):
            found.append((path, one.callback.view_class))
    return found


@pytest.mark.parametrize("path", DETAILS)
def test_a_reporter_does_not_see_what_another_filed(reporter: User, mine: Filed, theirs: Filed, path: str) -> None:
    own = get(reporter, address(path, mine))
    assert own.status_code == 200
    assert str(getattr(mine, DETAILS[path])) in own.content.decode()
    body = problem_of(get(reporter, address(path, theirs)), 404, "not-found")
    nothing = Filed(report=10**9, incident=10**9, run=10**9, evidence=10**9, attachment=10**9, mark="")
    missing = problem_of(get(reporter, address(path, nothing)), 404, "not-found")
    assert body | {"instance": ""} == missing | {"instance": ""}  # hidden and missing look alike


@pytest.mark.parametrize("role", ["operator", "approver", "auditor"])
def test_the_other_roles_see_everything(request: pytest.FixtureRequest, mine: Filed, theirs: Filed, role: str) -> None:
    user = request.getfixturevalue(role)
    for path, filed in itertools.product(DETAILS, (mine, theirs)):
        answer = get(user, address(path, filed))
        assert answer.status_code == 200
        assert str(getattr(filed, DETAILS[path])) in answer.content.decode()


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_own_rows_only_whatever_is_asked(reporter: User, mine: Filed, theirs: Filed, path: str) -> None:
    for query in (*FILTERS, *((f"?incident={theirs.incident}",) if path == "bug-reports/" else ())):
        text = get(reporter, f"{path}{query}").content.decode()
        for row in json.loads(text)["results"]:
            assert row["id"] in {mine.report, mine.incident, mine.run}
        assert theirs.mark not in text
        assert "other-reporter" not in text


@pytest.mark.parametrize("query", ["?incident={incident}", "?incident=999999999", "?stack=nowhere", "?state=closed"])
def test_filters_tell_nothing_of_what_is_hidden(reporter: User, mine: Filed, theirs: Filed, query: str) -> None:
    path = "incidents/" if "state" in query else "bug-reports/"
    answer = get(reporter, path + query.format(incident=theirs.incident))
    assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_nobody_reads_without_token_or_scope(auditor: User, mine: Filed) -> None:
    of_scope = {scope: client_with(token_of(auditor, scopes=[scope])) for scope in scopes_of(auditor.roles)}
    for path in (*LISTS, *DETAILS, *OF_NOBODY):
        where = f"/api/v1/{address(path, mine)}"
        problem_of(client_with("awe_00000000_" + "A" * 43).get(where), 401, "not-authenticated")
        answers = {scope: client.get(where).status_code for scope, client in of_scope.items()}
        assert sorted(answers.values()) == [200, *[403] * (len(answers) - 1)], answers


@pytest.mark.parametrize("path", OF_AUDITORS)
def test_the_trail_is_read_by_auditors_with_the_scope_for_it_alone(
    reporter: User, operator: User, approver: User, auditor: User, mine: Filed, path: str
) -> None:
    path = address(path, mine)
    for user in (reporter, operator, approver):
        problem_of(get(user, path), 403, "not-allowed")
    others = client_with(token_of(auditor, scopes=scopes_of(auditor.roles) - {Scope.AUDIT_READ}))
    told = problem_of(others.get(f"/api/v1/{path}"), 403, "not-allowed")
    assert "audit:read" in told["detail"]
    problem_of(client_with("awe_00000000_" + "A" * 43).get(f"/api/v1/{path}"), 401, "not-authenticated")
    assert get(auditor, path).status_code not in {401, 403}


@pytest.mark.parametrize("action", ["runs/", "transitions/", "suggestion/acceptance/"])
@pytest.mark.parametrize("role", ["reporter", "approver", "auditor"])
def test_refused_steps_do_not_tell_whether_an_incident_exists(
    request: pytest.FixtureRequest, theirs: Filed, action: str, role: str
) -> None:
    client = client_with(token_of(request.getfixturevalue(role)))
    told = [
        client.post(f"/api/v1/incidents/{number}/{action}", {"action": "acknowledge"}, format="json")
        for number in (theirs.incident, 10**9)
    ]
    bodies = [problem_of(one, 403, "not-allowed") | {"instance": ""} for one in told]
    assert bodies[0] == bodies[1]


def test_a_key_of_another_person_replays_nothing(reporter: User, other_reporter: User, stack: Stack) -> None:
    key = {"Idempotency-Key": "the-same"}
    secret = FIELDS | {"actual_behavior": "theirs-0815"}
    theirs = client_with(token_of(other_reporter)).post(FILING, secret, format="json", headers=key)
    same = client_with(token_of(reporter)).post(FILING, secret, format="json", headers=key)
    assert theirs.status_code == same.status_code == 201
    assert same.json()["id"] != theirs.json()["id"]
    assert "Idempotency-Replayed" not in same.headers


def test_an_etag_of_another_person_opens_nothing(reporter: User, other_reporter: User, theirs: Filed) -> None:
    etag = get(other_reporter, f"runs/{theirs.run}/").headers["ETag"]
    client = client_with(token_of(reporter))
    for value in (etag, "*"):
        problem_of(client.get(f"/api/v1/runs/{theirs.run}/", headers={"If-None-Match": value}), 404, "not-found")


def test_options_and_head_tell_no_more(reporter: User, mine: Filed, theirs: Filed) -> None:
    client = client_with(token_of(reporter))
    assert client.head(f"/api/v1/runs/{theirs.run}/").status_code == 404
    told = [client.options(f"/api/v1/runs/{number}/") for number in (mine.run, theirs.run, 10**9)]
    assert {(one.status_code, one.content, one.headers["Allow"]) for one in told} == {(204, b"", "GET, HEAD, OPTIONS")}


@pytest.fixture
def shared(mine: Filed, theirs: Filed) -> Filed:
    """Two people's reports on one incident, as joining will make it: theirs moved onto mine, with its run."""
    BugReport.objects.filter(pk=theirs.report).update(incident_id=mine.incident)
    IncidentWords.objects.filter(report_id=theirs.report).update(incident_id=mine.incident)
    IncidentRun.objects.create(incident_id=mine.incident, run_id=theirs.run)
    TimelineEntry.objects.create(
        incident_id=mine.incident,
        kind="report_filed",
        text=f"Bug report {theirs.report} filed",
        actor="user:other-reporter",
        data={"report": theirs.report},
        occurred_at=timezone.now(),
    )
    return mine


def test_on_a_shared_incident_the_other_report_stays_hidden(reporter: User, shared: Filed, theirs: Filed) -> None:
    problem_of(get(reporter, f"bug-reports/{theirs.report}/"), 404, "not-found")
    listed = get(reporter, f"bug-reports/?incident={shared.incident}").json()["results"]
    assert [row["id"] for row in listed] == [shared.report]
    timeline = get(reporter, f"incidents/{shared.incident}/timeline/?page_size=100")
    assert "other-reporter" not in timeline.content.decode()
    assert {row["data"]["report"] for row in timeline.json()["results"] if "report" in row["data"]} == {shared.report}


def test_the_other_reporter_sees_the_shared_incident_but_not_the_first_report(
    other_reporter: User, shared: Filed
) -> None:
    assert get(other_reporter, f"incidents/{shared.incident}/").status_code == 200
    problem_of(get(other_reporter, f"bug-reports/{shared.report}/"), 404, "not-found")


def test_runs_without_an_incident_are_for_those_who_see_everything(reporter: User, operator: User, mine: Filed) -> None:
    IncidentRun.objects.filter(run_id=mine.run).delete()
    evidence = Evidence.objects.get(result__run=mine.run)
    for path in (f"runs/{mine.run}/", f"evidence/{evidence.pk}/", f"evidence/{evidence.pk}/text/"):
        problem_of(get(reporter, path), 404, "not-found")
        assert get(operator, path).status_code == 200
    assert get(reporter, "runs/").json()["results"] == []
    assert Run.objects.filter(pk=mine.run).exists()


def test_equal_evidence_of_two_people_is_reached_by_own_results_only(
    reporter: User, other_reporter: User, stack: Stack
) -> None:
    from tests.api.conftest import filed_by

    first, second = filed_by(reporter, mark="same"), filed_by(other_reporter, mark="same", new_incident=True)
    texts = set(Evidence.objects.filter(pk__in=[first.evidence, second.evidence]).values_list("text_id", flat=True))
    assert len(texts) == 1
    assert get(reporter, f"evidence/{first.evidence}/text/").status_code == 200
    problem_of(get(reporter, f"evidence/{second.evidence}/text/"), 404, "not-found")


@pytest.mark.parametrize("role", EVERYBODY)
def test_every_link_in_an_answer_can_be_followed(
    request: pytest.FixtureRequest, mine: Filed, theirs: Filed, role: str
) -> None:
    user = request.getfixturevalue(role)
    client = client_with(token_of(user))
    for path in LISTS:
        for row in client.get(f"/api/v1/{path}").json()["results"]:
            for url in _urls(row):
                assert client.get(url).status_code == 200, url


def _urls(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [url for inner in value.values() for url in _urls(inner)]
    if isinstance(value, list):
        return [url for inner in value for url in _urls(inner)]
    return [value] if isinstance(value, str) and value.startswith("http://testserver/") else []


def test_an_operators_own_incident_without_report_is_seen_by_its_opener_after_a_change_of_role(
    operator: User, reporter: User, stack: Stack
) -> None:
    opened = client_with(token_of(operator)).post(
        "/api/v1/incidents/", {"stack": "plain", "title": "seen by the operator"}, format="json"
    )
    problem_of(get(reporter, f"incidents/{opened.json()['id']}/"), 404, "not-found")
    file_report(client_with(token_of(reporter)))
    assert "seen by the operator" not in get(reporter, "incidents/").content.decode()

"""Revisions over HTTP: by field, by template, only on what was read, and everything that was said before."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.incidents.models import TEMPLATE_FIELDS, ReportRevision
from awe_incidents.incidents.template import TemplateFields, parse, render
from diagnostics.models import Stack
from tests.api.conftest import (
    FIELDS,
    FILING,
    Filed,
    client_with,
    file_report,
    pointers_of,
    problem_of,
    tag_of,
    token_of,
)

MARKDOWN = {"Accept": "text/markdown"}


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The reporter's client."""
    return client_with(token_of(reporter))


@pytest.fixture
def filed(client: APIClient) -> dict[str, Any]:
    """What was filed."""
    return file_report(client)


def revise(client: APIClient, filed: dict[str, Any], body: Any, **headers: str) -> Any:
    headers = headers or tag_of(client, filed["links"]["self"])
    return client.post(filed["links"]["revisions"], body, format="json", headers=headers)


def test_a_field_is_revised_and_the_report_reads_so_from_then_on(client: APIClient, filed: dict[str, Any]) -> None:
    logs = "api-1  | 2026-11-23T10:00:02Z ERROR pool exhausted"
    answer = revise(client, filed, {"container_logs": logs, "because": "found the line"})
    body = answer.json()
    assert answer.status_code == 201, body
    assert (body["container_logs"], body["revision"], body["filed_at"]) == (logs, 2, filed["filed_at"])
    assert client.get(filed["links"]["self"]).json() == body
    (row,) = client.get(FILING).json()["results"]
    assert (row["container_logs"], row["revision"]) == (logs, 2)
    now, before = body["revisions"]
    assert answer.headers["Location"] == now["url"]
    assert (now["number"], now["author"], now["because"], now["changed"]) == (
        *(2, "reporter", "found the line"),
        ["container_logs"],
    )
    assert (before["number"], before["author"], before["because"], before["changed"]) == (1, "reporter", "", [])
    assert before["revised_at"] == filed["filed_at"]


def test_every_revision_can_be_read(client: APIClient, filed: dict[str, Any]) -> None:
    revise(client, filed, {"container_logs": "api | x"})
    listed = client.get(filed["links"]["revisions"]).json()
    assert listed == client.get(filed["links"]["self"]).json()["revisions"]
    now, before = (client.get(one["url"]).json() for one in listed)
    assert now["container_logs"] == "api | x"
    assert {name: before[name] for name in TEMPLATE_FIELDS} == {name: filed[name] for name in TEMPLATE_FIELDS}
    assert (before["completeness"], before["lint"]) == (filed["completeness"], filed["lint"])
    as_markdown = client.get(listed[1]["url"], headers=MARKDOWN)
    assert parse(as_markdown.content.decode()) == TemplateFields(**{name: filed[name] for name in TEMPLATE_FIELDS})
    for number in (0, 3, 10**6):
        problem_of(client.get(f"{filed['links']['revisions']}{number}/"), 404, "not-found")


@pytest.mark.parametrize("way", ["body", "field"])
def test_the_whole_template_is_taken_edited(client: APIClient, filed: dict[str, Any], way: str) -> None:
    """As people do it: read the Markdown, edit it, send it back."""
    read = client.get(filed["links"]["self"], headers=MARKDOWN)
    edited = read.content.decode().replace("502 for everybody", "504 for everybody")
    edited = edited.replace("**Expected Behavior**: a page", "**Expected Behavior**: _No response_")
    headers = {"If-Match": read.headers["ETag"]}
    if way == "body":
        address = f"{filed['links']['revisions']}?because=it+is+504"
        answer = client.generic("POST", address, edited, content_type="text/markdown", headers=headers)
    else:
        answer = revise(client, filed, {"markdown": edited, "because": "it is 504"}, **headers)
    body = answer.json()
    assert answer.status_code == 201, body
    assert body["actual_behavior"] == "504 for everybody"
    assert body["expected_behavior"] == ""
    assert body["revisions"][0]["changed"] == ["expected_behavior", "actual_behavior"]
    assert body["revisions"][0]["because"] == "it is 504"


def test_a_revised_report_is_given_back_as_the_template_too(client: APIClient, filed: dict[str, Any]) -> None:
    headers = tag_of(client, filed["links"]["self"]) | MARKDOWN
    answer = revise(client, filed, {"screenshots": "login.png"}, **headers)
    said = {name: filed[name] for name in TEMPLATE_FIELDS} | {"screenshots": "login.png"}
    assert answer.content.decode() == render(TemplateFields(**said))


def test_a_revision_says_what_it_was_decided_on(client: APIClient, filed: dict[str, Any]) -> None:
    answer = client.post(filed["links"]["revisions"], {"container_logs": "api | x"}, format="json")
    body = problem_of(answer, 428, "precondition-required")
    assert pointers_of(body) == [("header", "#/If-Match")]
    assert "ETag" in body["detail"]
    assert not ReportRevision.objects.exists()


def test_a_revision_of_what_was_read_before_another_is_refused(client: APIClient, filed: dict[str, Any]) -> None:
    read = tag_of(client, filed["links"]["self"])
    assert revise(client, filed, {"container_logs": "api | x"}, **read).status_code == 201
    stale = problem_of(revise(client, filed, {"container_logs": "api | y"}, **read), 412, "stale-version")
    assert pointers_of(stale) == [("header", "#/If-Match")]
    assert revise(client, filed, {"container_logs": "api | y"}).status_code == 201


def test_tags_are_strong_differ_by_form_and_all_of_them_allow_a_revision(
    client: APIClient, filed: dict[str, Any]
) -> None:
    address = filed["links"]["self"]
    tags = [client.get(address, headers=form).headers["ETag"] for form in ({}, MARKDOWN)]
    assert len(set(tags)) == 2
    assert all(tag.startswith('"1.') for tag in tags)
    for text in (*tags, f'"x", {tags[0]}', f" {tags[1]} "):
        refused = revise(client, filed, {}, **{"If-Match": text})
        problem_of(refused, 409, "nothing-changed")  # so the precondition held
    assert client.get(address, headers={"If-None-Match": tags[0]}).status_code == 304


@pytest.mark.parametrize("text", ["W/{tag}", '"1"', '"x.y"', '"2.0123456789abcdef0123456789abcdef"', '"9.9", "x"'])
def test_a_tag_that_names_nothing_here_is_stale(client: APIClient, filed: dict[str, Any], text: str) -> None:
    tag = client.get(filed["links"]["self"]).headers["ETag"]
    answer = revise(client, filed, {"container_logs": "api | x"}, **{"If-Match": text.format(tag=tag)})
    problem_of(answer, 412, "stale-version")


@pytest.mark.parametrize(
    "text", ["", "1", "1.0123456789abcdef0123456789abcdef", '"a" "b"', '"a', "*, *", '"a",', 'w/"a"']
)
def test_what_is_no_tag_is_malformed(client: APIClient, filed: dict[str, Any], text: str) -> None:
    answer = revise(client, filed, {"container_logs": "api | x"}, **{"If-Match": text})
    assert pointers_of(problem_of(answer, 400, "tag-malformed")) == [("header", "#/If-Match")]


def test_an_asterisk_takes_whatever_there_is(client: APIClient, filed: dict[str, Any]) -> None:
    assert revise(client, filed, {"container_logs": "api | x"}, **{"If-Match": "*"}).status_code == 201


def test_a_repeated_revision_gets_the_first_answer(client: APIClient, filed: dict[str, Any]) -> None:
    headers = tag_of(client, filed["links"]["self"]) | {"Idempotency-Key": "k"}
    first = revise(client, filed, {"container_logs": "api | x"}, **headers)
    again = revise(client, filed, {"container_logs": "api | x"}, **headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json()
    assert ReportRevision.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"actual_behavior": " "}, {"#/actual_behavior"}),
        ({"actual_behavior": None}, {"#/actual_behavior"}),
        ({"environment": "Mars"}, {"#/environment"}),
        ({"container_logs": "x" * 1_000_001}, {"#/container_logs"}),
        ({"stack": "plain"}, {"#/stack"}),
        ({"markdown": "x"}, {"#/markdown"}),
        ({"markdown": "**Environment**: x", "container_logs": "x"}, {"#/markdown", "#/container_logs"}),
        ({"because": "x" * 2_001}, {"#/because"}),
        ([], {"#"}),
    ],
)
def test_a_revision_keeps_the_rules_of_filing(
    client: APIClient, filed: dict[str, Any], body: Any, pointers: set[str]
) -> None:
    told = problem_of(revise(client, filed, body), 400, "invalid")
    assert {pointer for _, pointer in pointers_of(told)} == pointers


def test_who_sees_all_may_not_therefore_revise(
    client: APIClient, filed: dict[str, Any], auditor: User, other_reporter: User, operator: User
) -> None:
    for person, answer in ((auditor, (403, "not-allowed")), (other_reporter, (404, "not-found"))):
        refused = revise(client_with(token_of(person)), filed, {"container_logs": "api | x"}, **{"If-Match": "*"})
        problem_of(refused, *answer)
    revised = revise(client_with(token_of(operator)), filed, {"container_logs": "api | x"})
    assert revised.json()["revisions"][0]["author"] == "operator"


def test_a_revision_takes_the_scope_of_filing(filed: dict[str, Any], reporter: User) -> None:
    reading = client_with(token_of(reporter, scopes=[Scope.REPORTS_READ]))
    problem_of(revise(reading, filed, {"container_logs": "x"}, **{"If-Match": "*"}), 403, "not-allowed")


def test_revisions_of_others_are_not_seen(mine: Filed, theirs: Filed, reporter: User, other_reporter: User) -> None:
    address = f"{FILING}{theirs.report}/"
    theirs_client, client = client_with(token_of(other_reporter)), client_with(token_of(reporter))
    body = theirs_client.get(address).json()
    revise(theirs_client, body, {"container_logs": "api | theirs"})
    for place in ("revisions/", "revisions/1/", "revisions/2/"):
        assert theirs_client.get(f"{address}{place}").status_code == 200
        problem_of(client.get(f"{address}{place}"), 404, "not-found")


def test_histories_tell_of_own_revisions_only(mine: Filed, theirs: Filed, reporter: User, other_reporter: User) -> None:
    from awe_incidents.incidents.models import BugReport, IncidentWords

    BugReport.objects.filter(pk=theirs.report).update(incident=mine.incident)
    IncidentWords.objects.filter(report_id=theirs.report).update(incident=mine.incident)
    for person, report in ((reporter, mine.report), (other_reporter, theirs.report)):
        own = client_with(token_of(person))
        revise(own, own.get(f"{FILING}{report}/").json(), {"container_logs": f"api | {person.username}"})
    for person, report in ((reporter, mine.report), (other_reporter, theirs.report)):
        entries = client_with(token_of(person)).get(f"/api/v1/incidents/{mine.incident}/timeline/").json()["results"]
        assert [one["data"]["report"] for one in entries if one["kind"] == "report_revised"] == [report]


def test_an_unnamed_environment_is_the_stacks_and_marked_so(client: APIClient) -> None:
    for fields in ({"environment": ""}, {}):
        asked = {name: value for name, value in FIELDS.items() if name != "environment"} | fields
        body = client.post(FILING, asked, format="json").json()
        assert (body["environment"], body["environment_source"]) == ("Development", "stack")
        markdown = client.get(body["links"]["self"], headers=MARKDOWN).content.decode()
        assert parse(markdown).environment == ""
    assert FIELDS["environment"] != "Development"
    assert file_report(client)["environment_source"] == "reporter"

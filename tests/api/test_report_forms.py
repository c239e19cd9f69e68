"""The template pasted into JSON, and given back: nothing is lost on the way in and out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport
from awe_incidents.incidents.template import TemplateFields, parse, render
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.api.conftest import FIELDS, FILING, Filed, client_with, file_report, pointers_of, problem_of, token_of
from tests.conftest import PLAIN_STACK, SETUP
from tests.incidents.test_template import REPORTS

MARKDOWN = {"Accept": "text/markdown"}
TEMPLATE = render(TemplateFields(**{name: FIELDS[name] for name in TEMPLATE_FIELDS}))


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The reporter's client."""
    return client_with(token_of(reporter))


def template_in(body: dict[str, Any]) -> TemplateFields:
    return TemplateFields(**{name: body[name] for name in TEMPLATE_FIELDS})


def test_a_report_is_given_back_as_the_template(client: APIClient) -> None:
    body = file_report(client)
    response = client.get(body["links"]["self"], headers=MARKDOWN)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert {"Accept", "Authorization"} <= set(response.headers["Vary"].split(", "))
    assert response.content.decode() == TEMPLATE


def test_both_forms_have_their_own_tags(client: APIClient) -> None:
    address = file_report(client)["links"]["self"]
    as_json, as_markdown = client.get(address), client.get(address, headers=MARKDOWN)
    assert as_json.headers["ETag"] != as_markdown.headers["ETag"]
    again = client.get(address, headers=MARKDOWN | {"If-None-Match": as_markdown.headers["ETag"]})
    assert again.status_code == 304


def test_the_answer_to_filing_can_be_markdown_also_when_it_is_repeated(client: APIClient) -> None:
    for replayed in (None, "true"):
        response = client.post(FILING, FIELDS, format="json", headers=MARKDOWN | {"Idempotency-Key": "k"})
        assert response.status_code == 201
        assert response.headers.get("Idempotency-Replayed") == replayed
        assert response.headers["Location"].endswith(f"/bug-reports/{BugReport.objects.get().pk}/")
        assert response.content.decode() == TEMPLATE


def test_a_refused_filing_is_a_problem_in_json_whatever_was_asked_for(client: APIClient) -> None:
    problem_of(client.post(FILING, {"stack": "plain"}, format="json", headers=MARKDOWN), 400, "invalid")


def test_a_list_has_no_markdown(client: APIClient) -> None:
    problem_of(client.get(FILING, headers=MARKDOWN), 406, "not-acceptable")


def test_another_persons_report_is_not_given_as_markdown_either(mine: Filed, other_reporter: User) -> None:
    response = client_with(token_of(other_reporter)).get(f"{FILING}{mine.report}/", headers=MARKDOWN)
    problem_of(response, 404, "not-found")


@given(report=REPORTS)
@example(TemplateFields(container_logs="```\n**Environment**: x\n````", actual_behavior="a\r\nb"))
@example(TemplateFields(steps_to_reproduce="\u202eabc\u202c  \n\n\x01\x1b[0m\x7f  ", actual_behavior="\U0001f525 "))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_what_is_stored_survives_the_way_out_and_in(client: APIClient, report: TemplateFields) -> None:
    """Filed as JSON, read as Markdown, filed as Markdown, and pasted into JSON: the same rows each time."""
    said = asdict(report) | {"environment": "Staging", "actual_behavior": f"{report.actual_behavior}."}
    first = file_report(client, **said)
    markdown = client.get(first["links"]["self"], headers=MARKDOWN).content.decode()
    assert parse(markdown) == template_in(first)
    row = BugReport.objects.get(pk=first["id"])
    assert parse(markdown) == TemplateFields(**{name: getattr(row, name) for name in TEMPLATE_FIELDS})
    as_markdown = client.generic("POST", f"{FILING}?stack=plain", markdown, content_type="text/markdown")
    pasted = client.post(FILING, {"stack": "plain", "markdown": markdown}, format="json")
    for again in (as_markdown, pasted):
        assert again.status_code == 201, again.content
        assert template_in(again.json()) == template_in(first)


def test_the_template_is_taken_in_one_field_of_json(client: APIClient) -> None:
    response = client.post(FILING, {"stack": "plain", "markdown": TEMPLATE.replace("\n", "\r\n")}, format="json")
    assert response.status_code == 201, response.content
    assert template_in(response.json()) == template_in(FIELDS)


def test_a_field_beside_the_whole_template_is_refused_by_both_names(client: APIClient) -> None:
    for value in ("Production", "", None, 7):
        asked = {"stack": "plain", "markdown": TEMPLATE, "environment": value}
        body = problem_of(client.post(FILING, asked, format="json"), 400, "invalid")
        assert sorted(pointers_of(body)) == [("body", "#/environment"), ("body", "#/markdown")]
        told = {one["pointer"]: one["detail"] for one in body["errors"]}
        assert "environment" in told["#/markdown"]
        assert "markdown" in told["#/environment"]
    assert not BugReport.objects.exists()


@pytest.mark.parametrize(
    ("markdown", "told"),
    [
        ("it is broken", "No section of the template"),
        (f"{TEMPLATE}**Environment**: Staging\n", "starts a second time"),
        (TEMPLATE.replace("Production", "Mars"), "Environment: must be one of"),
        ("**Environment**: Staging", "Actual Behavior: Say something here."),
        ("", "Say something here."),
        (" \n ", "Say something here."),
        (None, "may not be null"),
        (["x"], "This is no text."),
    ],
)
def test_what_is_wrong_with_a_pasted_template_is_told_at_its_field(client: APIClient, markdown: Any, told: str) -> None:
    body = problem_of(client.post(FILING, {"stack": "plain", "markdown": markdown}, format="json"), 400, "invalid")
    assert set(pointers_of(body)) == {("body", "#/markdown")}
    assert told in body["errors"][0]["detail"]


def test_an_unknown_field_beside_a_pasted_template_is_refused(client: APIClient) -> None:
    asked = {"stack": "plain", "markdown": TEMPLATE, "report": TEMPLATE}
    assert pointers_of(problem_of(client.post(FILING, asked, format="json"), 400, "invalid")) == [("body", "#/report")]


def with_tracker(github: str, folder: Path) -> None:
    text = f'{PLAIN_STACK}\n[issue_tracker]\ngithub = "{github}"\n'
    apply_stack(config=parse_toml(text, folder=folder), by=SETUP, at=timezone.now())


@pytest.mark.parametrize(
    ("github", "address"),
    [
        ("example/awe.server", "https://github.com/example/awe.server"),
        ("https://github.example.org:8443/team/awe/", "https://github.example.org:8443/team/awe"),
    ],
)
def test_a_report_links_to_a_new_issue_where_the_stack_names_a_repository(
    client: APIClient, tmp_path: Path, github: str, address: str
) -> None:
    assert "github_issue" not in file_report(client)["links"]
    with_tracker(github, tmp_path)
    body = file_report(client)
    link = body["links"]["github_issue"]
    assert link == client.get(body["links"]["self"]).json()["links"]["github_issue"]
    assert link.startswith(f"{address}/issues/new?")
    asked = parse_qs(urlsplit(link).query)
    assert asked == {"title": ["502 for everybody"], "body": [TEMPLATE]}


def test_a_long_report_links_to_an_issue_that_names_the_incident(client: APIClient, tmp_path: Path) -> None:
    with_tracker("example/awe", tmp_path)
    body = file_report(client, container_logs="api | 502 Bad Gateway \u00fc\n" * 5_000)
    link = body["links"]["github_issue"]
    assert len(link) <= 8_000
    assert body["links"]["incident"] in parse_qs(urlsplit(link).query, errors="strict")["body"][0]

"""What the service adds to a report, in its answers: marked as its own, beside what people wrote and never over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import TEMPLATE_FIELDS
from awe_incidents.incidents.operations import prefill_report
from awe_incidents.incidents.template import TemplateFields, parse
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.api.conftest import FIELDS, FILING, client_with, file_report, tag_of, token_of
from tests.conftest import PLAIN_STACK, SETUP

MARKDOWN = {"Accept": "text/markdown"}


@pytest.fixture
def client(reporter: User, stack: Stack, tmp_path: Path) -> APIClient:
    """The reporter's client; the stack has a log with a line that would be a section."""
    text = PLAIN_STACK.replace('role = "api"', 'role = "api"\nlog_files = ["api.log"]')
    now = timezone.now()
    (tmp_path / "api.log").write_text(f"{now:%Y-%m-%dT%H:%M:%SZ} ERROR boom\n```\n**Environment**: x\n")
    apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=now)
    return client_with(token_of(reporter))


def prefilled(client: APIClient, **fields: Any) -> dict[str, Any]:
    filed = file_report(client, **fields)
    prefill_report(report_id=filed["id"])
    body: dict[str, Any] = client.get(filed["links"]["self"]).json()
    return body


def test_the_answer_to_filing_says_that_it_is_being_collected(client: APIClient) -> None:
    prefill = file_report(client)["prefill"]
    assert set(prefill) == {"environment", "docker_compose_version", "container_logs"}
    assert {one["state"] for one in prefill.values()} == {"waiting"}
    assert {one["captured_at"] for one in prefill.values()} == {None}


def test_each_field_says_where_it_comes_from_or_why_there_is_none(client: APIClient) -> None:
    body = prefilled(client)
    assert {name: body[name] for name in TEMPLATE_FIELDS} == {name: FIELDS[name] for name in TEMPLATE_FIELDS}
    told = body["prefill"]
    assert (told["environment"]["state"], told["environment"]["text"]) == ("captured", "Development")
    assert told["environment"]["source"] == "the stack's description"
    assert told["container_logs"]["text"].splitlines()[1:] == ["api | ```", "api | **Environment**: x"]
    assert "log files of api" in told["container_logs"]["source"]
    version = told["docker_compose_version"]
    assert (version["state"], version["text"]) == ("unavailable", "")
    assert "Docker Compose does not run it" in version["reason"]
    assert all(one["captured_at"] for one in told.values())


def test_markdown_shows_it_marked_and_reads_without_it(client: APIClient) -> None:
    body = prefilled(client)
    text = client.get(body["links"]["self"], headers=MARKDOWN).content.decode()
    assert "> *Added by the service*: the stack's description, captured at 20" in text
    assert "> api | **Environment**: x" in text
    assert "could not be had: the stack is described as processes" in text
    assert parse(text) == TemplateFields(**{name: FIELDS[name] for name in TEMPLATE_FIELDS})


def test_what_the_service_added_is_not_taken_for_an_answer_when_it_comes_back(client: APIClient) -> None:
    body = prefilled(client, container_logs="", environment="")
    text = client.get(body["links"]["self"], headers=MARKDOWN).content.decode()
    again = client.post(FILING, {"stack": "plain", "markdown": text}, format="json").json()
    assert (again["container_logs"], again["environment_source"]) == ("", "stack")


def test_a_prefill_renews_the_tag_for_readers_and_lets_a_revision_pass(client: APIClient) -> None:
    filed = file_report(client)
    address = filed["links"]["self"]
    before = client.get(address).headers["ETag"]
    prefill_report(report_id=filed["id"])
    assert client.get(address, headers={"If-None-Match": before}).status_code == 200
    answer = client.post(
        filed["links"]["revisions"], {"container_logs": "api | x"}, format="json", headers={"If-Match": before}
    )
    assert answer.status_code == 201
    assert answer.json()["prefill"]["environment"]["text"] == "Development"
    assert tag_of(client, address)["If-Match"].startswith('"2.')


def test_a_new_issue_holds_what_people_said_only(client: APIClient, tmp_path: Path) -> None:
    body = prefilled(client)
    assert "github_issue" not in body["links"]

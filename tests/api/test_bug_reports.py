"""Filing: the template as JSON or as Markdown, into the same rows, with a fixed number of statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport, TimelineEntry
from awe_incidents.incidents.template import TemplateFields, render
from diagnostics import queries
from diagnostics.models import Run, Stack
from tests.api.conftest import FIELDS, FILING, client_with, file_report, pointers_of, problem_of, token_of

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2MDAwMDAwMH0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
SEED_TEMPLATE = """\
**Environment**: Production
**Docker Compose Version**: v2.30.3
**Container Logs**:
```
api | 502 Bad Gateway
api | Authorization: Bearer {jwt}
```
**Steps to Reproduce**: open the page
**Expected Behavior**: a page
**Actual Behavior**: 502 for everybody
**Screenshots**: _No response_
"""


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The reporter's client."""
    return client_with(token_of(reporter))


def send_markdown(client: APIClient, text: str | bytes, *, query: str = "?stack=plain", charset: str = "") -> Any:
    content_type = f"text/markdown{charset}"
    return client.generic("POST", f"{FILING}{query}", text, content_type=content_type)  # type: ignore[arg-type]


def stored(report: BugReport) -> dict[str, Any]:
    """Give everything of a stored report that must not depend on how it came."""
    row = {name: getattr(report, name) for name in (*TEMPLATE_FIELDS, "redactions", "stack_id", "reporter_id")}
    return row | {"title": report.incident.title}


def test_filing_answers_with_links_that_lead_on(client: APIClient) -> None:
    response = client.post(FILING, FIELDS, format="json")
    body = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == body["links"]["self"]
    for address in (*body["links"].values(), body["run"]):
        assert client.get(address).status_code == 200, address
    assert client.get(body["run"]).json()["state"] == "queued"
    of_filing = {"run", "attachments", "joined", "joining"}
    assert client.get(body["links"]["self"]).json() == {name: body[name] for name in body if name not in of_filing}
    assert client.get(client.get(body["links"]["incident"]).json()["links"]["bug_reports"]).json()["results"] == [
        {name: body[name] for name in body if name not in of_filing | {"lint", "prefill", "revisions"}}
    ]


def test_filing_writes_timeline_and_trail_and_queues_a_run(client: APIClient) -> None:
    body = file_report(client)
    kinds = TimelineEntry.objects.filter(incident=body["incident"]).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["opened", "report_filed", "run_requested"]
    verbs = Entry.objects.filter(incident_id=body["incident"]).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["bug_report:filed", "incident:opened", "run:requested"]
    assert Run.objects.get().suite == "full"


def test_the_markdown_template_is_filed_as_it_is(client: APIClient) -> None:
    response = send_markdown(client, SEED_TEMPLATE.format(jwt=JWT))
    assert response.status_code == 201, response.content
    report = BugReport.objects.get()
    assert report.environment == "Production"
    assert report.container_logs.startswith("api | 502 Bad Gateway\napi | Authorization")
    assert JWT not in response.content.decode()
    assert JWT not in report.container_logs
    assert report.screenshots == ""


def test_json_and_markdown_are_stored_alike(client: APIClient) -> None:
    fields = {name: FIELDS[name] for name in TEMPLATE_FIELDS} | {"container_logs": f"api | Bearer {JWT}"}
    assert send_markdown(client, render(TemplateFields(**fields))).status_code == 201
    file_report(client, **fields)
    first, second = BugReport.objects.order_by("id")
    assert stored(first) == stored(second)


_texts = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: text.replace("\r", "\n"))


@given(
    fields=st.fixed_dictionaries(
        dict.fromkeys(TEMPLATE_FIELDS[1:], _texts)
        | {"environment": st.sampled_from(["Production", "staging", " DEVELOPMENT "])}
    )
)
@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_json_and_markdown_reach_the_same_verdict(client: APIClient, fields: dict[str, str]) -> None:
    as_json = client.post(FILING, {"stack": "plain", **fields}, format="json")
    as_markdown = send_markdown(client, render(TemplateFields(**fields)))
    assert as_json.status_code == as_markdown.status_code, (as_json.content, as_markdown.content)
    if as_json.status_code == 201:
        first, second = BugReport.objects.order_by("-id")[:2]
        assert stored(first) == stored(second)
    else:
        assert pointers_of(as_json.json()) == pointers_of(as_markdown.json())


@pytest.mark.parametrize(
    "charset", ["", "; charset=utf-8", "; charset=UTF-8", '; charset="utf-8"', "; charset=us-ascii"]
)
def test_markdown_in_utf8_is_taken(client: APIClient, charset: str) -> None:
    text = SEED_TEMPLATE if "ascii" in charset else SEED_TEMPLATE.replace("a page", "eine Seite, größer")
    assert send_markdown(client, text.encode(), charset=charset).status_code == 201


@pytest.mark.parametrize("variant", ["; variant=GFM", "; charset=utf-8; variant=CommonMark"])
def test_the_variant_of_markdown_does_not_matter(client: APIClient, variant: str) -> None:
    assert send_markdown(client, SEED_TEMPLATE, charset=variant).status_code == 201


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "nonsense", "utf-7"])
def test_another_charset_is_refused(client: APIClient, charset: str) -> None:
    body = problem_of(send_markdown(client, SEED_TEMPLATE, charset=f"; charset={charset}"), 415, "media-type")
    assert "UTF-8" in body["detail"]


def test_markdown_that_is_not_utf8_is_malformed(client: APIClient) -> None:
    problem_of(send_markdown(client, SEED_TEMPLATE.replace("page", "Größe").encode("latin-1")), 400, "malformed")


def test_markdown_from_windows_is_taken(client: APIClient) -> None:
    text = "\ufeff" + SEED_TEMPLATE.replace("\n", "\r\n")
    assert send_markdown(client, text.encode()).status_code == 201
    assert "\r" not in BugReport.objects.get().container_logs


def test_a_text_without_sections_is_told_what_to_do(client: APIClient) -> None:
    body = problem_of(send_markdown(client, "it is broken"), 400, "invalid")
    assert pointers_of(body) == [("body", "#")]
    assert "**Environment**" in body["errors"][0]["detail"]


def test_problems_of_the_template_name_section_and_line(client: APIClient) -> None:
    text = f"stray\n{SEED_TEMPLATE}**Environment**: Staging\n"
    body = problem_of(send_markdown(client, text), 400, "invalid")
    assert sorted(pointers_of(body)) == [("body", "#"), ("body", "#/environment")]


def test_a_template_that_is_not_filled_in_is_refused(client: APIClient) -> None:
    body = problem_of(send_markdown(client, "**Environment**: Mars\n**Actual Behavior**:\n"), 400, "invalid")
    assert sorted(pointers_of(body)) == [("body", "#/actual_behavior"), ("body", "#/environment")]


def test_markdown_without_a_stack_is_told_where_to_name_it(client: APIClient) -> None:
    body = problem_of(send_markdown(client, SEED_TEMPLATE, query=""), 400, "invalid")
    assert pointers_of(body) == [("body", "#/stack")]
    assert "query parameter" in body["errors"][0]["detail"]


def test_an_error_of_the_template_shows_no_text_of_it(client: APIClient) -> None:
    response = send_markdown(client, f"Bearer {JWT}\n{SEED_TEMPLATE}")
    problem_of(response, 400, "invalid")
    assert JWT not in response.content.decode()


def test_an_unknown_stack_tells_nothing_of_the_others(reporter: User, stack: Stack) -> None:
    client = client_with(token_of(reporter, scopes=[Scope.REPORTS_WRITE]))
    for response in (
        client.post(FILING, FIELDS | {"stack": "nowhere"}, format="json"),
        send_markdown(client, SEED_TEMPLATE, query="?stack=nowhere"),
    ):
        body = problem_of(response, 400, "invalid")
        assert pointers_of(body) == [("body", "#/stack")]
        assert "plain" not in response.content.decode()
        assert "manage.py" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
def test_filing_takes_a_fixed_number_of_statements(client: APIClient, key: dict[str, str]) -> None:
    """Counts BEGIN, COMMIT, the token, the first note of its use within a minute, and a redactor made anew."""
    queries._redactor.cache_clear()
    keys = iter({name: f"{value}{number}" for name, value in key.items()} for number in range(5))
    log = {"container_logs": "api | Bearer abc-1234\n" * 5000}
    first = _statements(client, FIELDS, next(keys))
    small = _statements(client, FIELDS | {"actual_behavior": "certificates expired"}, next(keys))
    large = _statements(client, FIELDS | {"actual_behavior": "queues overflow"} | log, next(keys))
    assert len(first) <= 15, first
    assert len(small) == len(large) < len(first), small
    joining = [_statements(client, FIELDS | more, next(keys), joins=True) for more in ({}, log)]
    assert len(joining[0]) == len(joining[1]) <= len(small) + 1, joining


def _statements(
    client: APIClient, fields: dict[str, str], headers: dict[str, str], *, joins: bool = False
) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.post(FILING, fields, format="json", headers=headers)
    assert (response.status_code, response.json()["joined"]) == (201, joins)
    return [one["sql"] for one in captured]

"""Pages: complete, without doubles while rows are added, and as few statements on every size."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from diagnostics.models import Stack
from tests.api.conftest import file_report, filed_by
from tests.conftest import client_of


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The reporter's client."""
    return client_of(reporter)


def walk(client: APIClient, url: str | None, *, direction: str = "next") -> list[int]:
    """Follow a list's links to its end."""
    seen = []
    while url:
        page = client.get(url).json()
        ids = [row["id"] for row in page["results"]]
        seen += ids if direction == "next" else ids[::-1]
        url = page[direction]
    return seen


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("path", ["bug-reports/", "incidents/", "runs/"])
def test_the_links_lead_over_all_rows_newest_first(client: APIClient, path: str, size: int) -> None:
    for number in range(5):
        file_report(client, actual_behavior=f"{number}")
    seen = walk(client, f"/api/v1/{path}?page_size={size}")
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


def test_the_way_back_gives_the_same_rows(client: APIClient) -> None:
    for number in range(5):
        file_report(client, actual_behavior=f"{number}")
    first = client.get("/api/v1/bug-reports/?page_size=2").json()
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    assert client.get(second["previous"]).json()["results"] == first["results"]
    assert walk(client, third["previous"], direction="previous") == [
        row["id"] for row in [*reversed(second["results"]), *reversed(first["results"])]
    ]


@pytest.mark.parametrize("cursor", ["0", "-0", "9999999999999999999", "-9999999999999999999", f"{2**63 - 1}", "0001"])
@pytest.mark.parametrize("path", ["bug-reports/", "incidents/{}/timeline/"])
def test_a_cursor_beyond_all_rows_gives_a_page(client: APIClient, path: str, cursor: str) -> None:
    address = f"/api/v1/{path.format(file_report(client)['incident'])}"
    assert client.get(f"{address}?cursor={cursor}").status_code == 200


def test_rows_added_meanwhile_neither_shift_nor_double(client: APIClient) -> None:
    before = [file_report(client, actual_behavior=f"{number}")["id"] for number in range(6)]
    page = client.get("/api/v1/bug-reports/?page_size=2").json()
    seen = [row["id"] for row in page["results"]]
    while page["next"]:
        file_report(client, actual_behavior="meanwhile")
        page = client.get(page["next"]).json()
        seen += [row["id"] for row in page["results"]]
    assert seen == before[::-1]


def test_a_history_grows_at_its_end_only(client: APIClient, reporter: User, operator: User) -> None:
    incident = file_report(client)["links"]["incident"]
    page = client.get(f"{incident}timeline/?page_size=2").json()
    step = {"action": "acknowledge"}
    client_of(operator).post(f"{incident}transitions/", step, format="json", headers={"If-Match": "*"})
    rest = client.get(page["next"]).json()["results"]
    kinds = [row["kind"] for row in page["results"] + rest]
    assert kinds == ["opened", "report_filed", "run_requested", "acknowledged"]


@pytest.mark.parametrize("path", ["bug-reports/", "incidents/", "runs/", "stacks/", "timeline"])
@pytest.mark.parametrize("role", ["reporter", "operator"])
def test_a_list_takes_few_statements_whatever_its_size(
    request: pytest.FixtureRequest, stack: Stack, reporter: User, path: str, role: str
) -> None:
    for number in range(4):
        filed = filed_by(reporter, mark=f"mark-{number}") if number < 2 else file_report(client_of(reporter))
    incident = filed["incident"] if isinstance(filed, dict) else filed.incident
    address = f"/api/v1/incidents/{incident}/timeline/" if path == "timeline" else f"/api/v1/{path}"
    client = client_of(request.getfixturevalue(role))
    client.get(address)  # notes the token's use
    counts = {size: _statements(client, f"{address}?page_size={size}") for size in (1, 3, 100)}
    assert len(set(counts.values())) == 1
    assert counts[1] <= {"timeline": 4, "incidents/": 3}.get(path, 2)


def test_a_run_takes_the_same_statements_whatever_was_seen(client: APIClient, reporter: User, stack: Stack) -> None:
    empty = file_report(client)["run"]
    seen = f"/api/v1/runs/{filed_by(reporter, mark='seen').run}/"
    client.get(empty)
    assert _statements(client, seen) <= 4  # token, run, results, evidence
    assert _statements(client, empty) <= 4


def _statements(client: APIClient, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response: Any = client.get(url)
    assert response.status_code == 200, response.content
    return len(captured)

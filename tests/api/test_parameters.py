"""Query parameters: refused where they make no sense, instead of passed over."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from tests.api.conftest import Filed, client_with, pointers_of, problem_of, token_of

LISTS = ["bug-reports/", "incidents/", "runs/", "stacks/"]


@pytest.fixture
def client(operator: User) -> APIClient:
    """An operator's client."""
    return client_with(token_of(operator))


SENSELESS = [
    *("page_size=0", "page_size=-1", "page_size=101", "page_size=abc", "page_size=", "page_size=1.5"),
    *(f"page_size={2**63}", f"page_size={'9' * 5000}", "page_size=%D9%A3", "page_size=%2B5", "page_size=1%00"),
    *("cursor=abc", "cursor=%00", "cursor=cD1hYmM%3D", "cursor=", "cursor=%ED%A0%80", f"cursor={'9' * 5000}"),
    *(f"cursor={10**19}", "cursor=--1", "cursor=1%0A", "cursor=%D9%A3", "cursor=1.5", "cursor=0x1"),
    *("format=xml", "search=x", "ordering=id", "_method=DELETE"),
    "page_size=5&page_size=6",
]


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_that_makes_no_sense_is_refused(client: APIClient, path: str) -> None:
    for query in SENSELESS:
        body = problem_of(client.get(f"/api/v1/{path}?{query}"), 400, "invalid")
        assert set(pointers_of(body)) == {("query", f"#/{query.partition('=')[0]}")}


SENSELESS_FILTERS = [
    *(f"bug-reports/?incident={value}" for value in ("0", "-1", "x", "1.0", "1e3", 2**63, "9" * 4301, "%00", "")),
    *(f"incidents/?state={value}" for value in ("OPEN", "x", "", "%00")),
    *(f"incidents/?severity={value}" for value in ("huge", "")),
    *(
        f"incidents/?opened_after={value}"
        for value in ("%D9%A1024-01-01T00:00:00Z", "2024-01-0%EF%BC%91", "2024-13-01")
    ),
    *(f"runs/?suite={value}" for value in ("everything", "")),
    f"runs/?stack={'x' * 64}",
    *(f"evidence/1/text/?first_line={value}" for value in ("0", "x", 2**31)),
    "evidence/1/text/?first_line=5&last_line=4",
]


def test_a_filter_that_makes_no_sense_is_refused(operator: User, mine: Filed) -> None:
    client = client_with(token_of(operator))
    for address in SENSELESS_FILTERS:
        path = address.replace("evidence/1", f"evidence/{mine.evidence}")
        problem_of(client.get(f"/api/v1/{path}"), 400, "invalid")


@pytest.mark.parametrize("path", ["bug-reports", "incidents", "runs"])
def test_a_filter_that_fits_nothing_gives_an_empty_list(client: APIClient, path: str) -> None:
    for value in ("nowhere", "\0", "%", "a'b", "\ud7ff", "Plain"):
        response = client.get(f"/api/v1/{path}/?stack={quote(value)}")
        assert (response.status_code, response.json()["results"]) == (200, [])


def test_details_take_no_parameters(client: APIClient) -> None:
    body = problem_of(client.get("/api/v1/runs/1/?expand=results"), 400, "invalid")
    assert pointers_of(body) == [("query", "#/expand")]

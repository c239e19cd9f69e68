"""Evidence as text: exactly the lines that were stored, and nothing that a browser would run."""

from __future__ import annotations

import itertools

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from diagnostics.models import Evidence
from tests.api.conftest import EVIDENCE_LINES, Filed, client_with, pointers_of, problem_of, token_of

LINES = [*EVIDENCE_LINES, "mine-4711"]


@pytest.fixture
def client(reporter: User) -> APIClient:
    """The reporter's client."""
    return client_with(token_of(reporter))


def text_of(mine: Filed, query: str = "") -> str:
    return f"/api/v1/evidence/{mine.evidence}/text/{query}"


def test_the_text_is_a_harmless_attachment(client: APIClient, mine: Filed) -> None:
    response = client.get(text_of(mine))
    assert response.content.decode() == "\n".join(LINES)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == f'attachment; filename="evidence-{mine.evidence}.txt"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in response.headers["Vary"]


def test_a_span_gives_exactly_its_lines(client: APIClient, mine: Filed) -> None:
    for first, last in itertools.product(range(1, 9), (1, 2, 3, 5, 6, 7, 100, None)):
        query = f"?first_line={first}" + (f"&last_line={last}" if last else "")
        response = client.get(text_of(mine, query))
        if last and first > last:
            assert pointers_of(problem_of(response, 400, "invalid")) == [("query", "#/last_line")]
        else:
            assert response.content.decode() == "\n".join(LINES[first - 1 : last])


def test_a_cited_span_opens_the_lines_that_it_cites(client: APIClient, mine: Filed) -> None:
    run = client.get(f"/api/v1/runs/{mine.run}/").json()
    result = next(one for one in run["results"] if one["evidence"])
    [citation] = result["findings"][0]["citations"]
    [piece] = result["evidence"]
    assert citation["evidence"] == piece["key"]
    span = {name: citation[name] for name in ("first_line", "last_line")}
    assert client.get(piece["text_url"], span).content.decode() == "\n".join(LINES[1:3])


def test_an_unchanged_text_is_not_sent_again(client: APIClient, mine: Filed) -> None:
    etag = client.get(text_of(mine)).headers["ETag"]
    again = client.get(text_of(mine), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(text_of(mine, "?first_line=2"), headers={"If-None-Match": etag}).status_code == 200


def test_the_particulars_name_source_digest_and_size(client: APIClient, mine: Filed) -> None:
    body = client.get(f"/api/v1/evidence/{mine.evidence}/").json()
    stored = Evidence.objects.select_related("text").get(pk=mine.evidence)
    assert body["sha256"] == stored.text_id
    assert body["size_bytes"] == len("\n".join(LINES).encode())
    assert body["line_count"] == len(LINES)
    assert body["source"] == "mine-4711.log"
    assert body["redactions"] == {"jwt": 2}
    assert body["text_url"].endswith(text_of(mine))


def test_the_text_is_plain_text_only(client: APIClient, mine: Filed) -> None:
    for accept in ("application/json", "text/html", "image/png"):
        problem_of(client.get(text_of(mine), headers={"Accept": accept}), 406, "not-acceptable")
    for accept in ("text/plain", "text/*", "*/*"):
        assert client.get(text_of(mine), headers={"Accept": accept}).status_code == 200


def test_a_problem_of_the_text_is_a_problem_too(client: APIClient, mine: Filed) -> None:
    problem_of(client.get(text_of(mine, "?first_line=x"), headers={"Accept": "text/plain"}), 400, "invalid")
    assert client.options(text_of(mine)).status_code == 204

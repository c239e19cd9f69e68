"""What a body may be: its length, its coding, its JSON, and the types of its fields."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport, Incident
from awe_incidents.incidents.reports import MAX_CHARACTERS
from diagnostics.models import Stack
from tests.api.conftest import FIELDS, FILING, client_with, pointers_of, problem_of, token_of

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
INCIDENTS = "/api/v1/incidents/"


@pytest.fixture
def client(operator: User, stack: Stack) -> APIClient:
    """An operator's client."""
    return client_with(token_of(operator))


def send(client: APIClient, body: str | bytes, *, to: str = FILING, **headers: str) -> Any:
    return client.generic(
        "POST",
        to,
        body,  # type: ignore[arg-type]  # bytes are taken too
        content_type="application/json",
        headers=headers,
    )


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        "",
        "{'stack': 'plain'}",
        '{"stack": "plain"} {}',
        '{"stack": NaN}',
        '{"stack": Infinity}',
        '{"stack": -Infinity}',
        '{"stack": "plain", "stack": "plain"}',
        '{"stack": {"a": 1, "a": 2}}',
        f'{{"version": {"9" * 5000}}}',
        '"\t"',
        "[" * 100_000,
        '{"a":' * 100_000,
        b'{"stack": "\xff"}',
        b"\xfe\xff\x00{\x00}",
        json.dumps(FIELDS).encode("utf-16"),
    ],
)
def test_a_body_that_is_no_json_is_malformed(client: APIClient, body: str | bytes) -> None:
    if body == "":
        body = " "
    told = problem_of(send(client, body), 400, "malformed")
    assert pointers_of(told) == [("body", "#")]
    assert "sys." not in told["detail"]


@pytest.mark.parametrize("media_type", ["*/*", "application/*", "*/json", "application/*; charset=utf-8"])
def test_a_media_type_with_a_wildcard_is_refused(client: APIClient, media_type: str) -> None:
    answer = client.generic("POST", FILING, json.dumps(FIELDS), content_type=media_type)
    assert "media type" in problem_of(answer, 415, "media-type")["detail"]
    assert not BugReport.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "true", "null", '[{"stack": "plain"}]'])
def test_json_that_is_no_object_is_invalid(client: APIClient, body: str) -> None:
    assert pointers_of(problem_of(send(client, body), 400, "invalid")) == [("body", "#")]


def test_a_byte_order_mark_is_no_harm(client: APIClient) -> None:
    assert send(client, b"\xef\xbb\xbf" + json.dumps(FIELDS).encode()).status_code == 201


def test_an_empty_body_lacks_every_field(client: APIClient) -> None:
    body = problem_of(client.generic("POST", FILING, ""), 400, "invalid")
    assert sorted(pointers_of(body)) == [("body", f"#/{name}") for name in ("actual_behavior", "stack")]


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_text_of_another_type_is_refused(client: APIClient, field: str) -> None:
    values: list[object] = [5, 1.5, True, None, [], {}, ["x"], {"a": "b"}, 2**63, 10**99, 1e308]
    for value in values:
        body = problem_of(send(client, json.dumps(FIELDS | {field: value})), 400, "invalid")
        assert pointers_of(body) == [("body", f"#/{field}")]


def test_a_word_that_is_no_choice_is_refused(client: APIClient) -> None:
    incident = client.post(INCIDENTS, {"stack": "plain", "title": "x"}, format="json").json()
    address = f"{incident['links']['self']}transitions/"
    values: list[object] = ["", "fly", 5, None, ["acknowledge"], {}, True]
    for value in values:
        refused = send(client, json.dumps({"action": value}), to=address, **{"If-Match": "*"})
        body = problem_of(refused, 400, "invalid")
        assert pointers_of(body) == [("body", "#/action")]


def test_an_unknown_field_is_refused_with_those_that_are_known(client: APIClient) -> None:
    body = problem_of(send(client, json.dumps(FIELDS | {"enviroment": "Staging"})), 400, "invalid")
    assert pointers_of(body) == [("body", "#/enviroment")]
    assert "environment" in body["errors"][0]["detail"]


def test_the_answer_does_not_grow_with_nonsense(client: APIClient) -> None:
    response = send(client, json.dumps({"x" * 200_000: 1} | {f"k{n}": n for n in range(5000)}))
    problem_of(response, 400, "invalid")
    assert len(response.content) < 20_000


def test_characters_that_cannot_be_stored_are_replaced_in_reports(client: APIClient) -> None:
    answer = send(client, json.dumps(FIELDS | {"container_logs": "a\0b\ud800c\r\nd"}))
    assert answer.status_code == 201
    assert BugReport.objects.get().container_logs == "a\ufffdb\ufffdc\nd"


def test_characters_that_cannot_be_stored_are_replaced_in_titles(client: APIClient) -> None:
    answer = send(client, json.dumps({"stack": "plain", "title": "a\0b\ud800"}), to=INCIDENTS)
    assert answer.status_code == 201
    assert Incident.objects.get().title == "a\ufffdb\ufffd"


@pytest.mark.parametrize("name", ["pla\0in", "\ud800", "Plain", "plain\n", "", " ", "x" * 64, "../plain", "plain'--"])
def test_a_stack_name_that_cannot_be_one_is_unknown(client: APIClient, name: str) -> None:
    body = problem_of(send(client, json.dumps(FIELDS | {"stack": name})), 400, "invalid")
    assert {pointer for _, pointer in pointers_of(body)} == {"#/stack"}


@pytest.mark.parametrize(
    ("field", "limit"), [("container_logs", 1_000_000), ("actual_behavior", 20_000), ("docker_compose_version", 2_000)]
)
def test_text_beyond_its_limit_is_refused(client: APIClient, field: str, limit: int) -> None:
    body = json.dumps(FIELDS | {field: "é" * (limit + 1)}, ensure_ascii=False)
    assert pointers_of(problem_of(send(client, body), 400, "invalid")) == [("body", f"#/{field}")]


def test_the_largest_report_fits_with_every_character_escaped(client: APIClient) -> None:
    body = json.dumps(FIELDS | {name: "é" * limit for name, limit in MAX_CHARACTERS.items() if name != "environment"})
    assert send(client, body).status_code == 201


def test_limits_count_what_would_be_stored(client: APIClient) -> None:
    assert send(client, json.dumps(FIELDS | {"docker_compose_version": "a\r\n" * 1000})).status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x"])
def test_a_compressed_body_is_refused(client: APIClient, encoding: str) -> None:
    problem_of(send(client, json.dumps(FIELDS), **{"Content-Encoding": encoding}), 415, "media-type")


class Untouchable(BytesIO):
    """A stream that nobody may read."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("a byte was read")


@pytest.mark.parametrize("length", [LIMIT + 1, 10**18, 10**30])
def test_a_body_that_says_it_is_too_large_is_refused_unread(client: APIClient, length: int) -> None:
    request: Any = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": str(length)}
    problem_of(client.generic("POST", FILING, "", **request), 413, "too-large")


@pytest.mark.parametrize("length", ["x", "-1", "1.5", "\u0663"])
def test_a_length_that_is_no_number_is_malformed(client: APIClient, length: str) -> None:
    request: Any = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": length}
    problem_of(client.generic("POST", FILING, "", **request), 400, "malformed")


class Counting(BytesIO):
    """A stream that counts what is read, and has no end."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        self.taken += size
        return b" " * size


def in_pieces(client: APIClient, stream: BytesIO) -> Any:
    request: Any = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    return client.generic("POST", FILING, "", content_type="application/json", **request)


def test_a_body_in_pieces_is_read(client: APIClient) -> None:
    assert in_pieces(client, BytesIO(json.dumps(FIELDS).encode())).status_code == 201


def test_a_body_in_pieces_is_read_up_to_the_limit_only(client: APIClient) -> None:
    endless = Counting()
    problem_of(in_pieces(client, endless), 413, "too-large")
    assert endless.taken < LIMIT + 200_000


def test_nothing_is_read_for_somebody_without_a_token(stack: Stack) -> None:
    problem_of(in_pieces(APIClient(), Untouchable()), 401, "not-authenticated")


def test_a_body_of_the_largest_size_is_taken(client: APIClient) -> None:
    filled = json.dumps(FIELDS).encode()
    assert send(client, filled + b" " * (LIMIT - len(filled))).status_code == 201

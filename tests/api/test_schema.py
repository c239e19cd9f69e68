"""The OpenAPI document: valid, complete, and made the same way twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from awe_incidents.api import pages
from awe_incidents.api.problems import MEDIA_TYPE

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"
FREE_FORM = {"TimelineData"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as it is served."""
    response = Client().get("/api/schema/", headers={"Accept": "application/json"})
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(response.content)
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def test_the_document_is_valid_openapi_31_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))
    made = yaml.safe_load((tmp_path / "openapi.yaml").read_text())
    assert made["openapi"].startswith("3.1")


def test_the_committed_document_is_up_to_date() -> None:
    assert pages._schema(as_json=False).decode() == COMMITTED.read_text(), "run `make fix`"


def test_the_document_is_served_in_both_forms(document: dict[str, Any]) -> None:
    response = Client().get("/api/schema/")
    assert response.headers["Content-Type"] == "application/vnd.oai.openapi"
    assert yaml.safe_load(response.content) == document


def test_every_operation_tells_its_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        expected = {"400", "401", "403", "406", "429", "500", "503"}
        expected |= {"404"} if "{" in path else set()
        expected |= {"409"} if method == "post" else set()
        expected |= {"304"} if method == "get" else {"413", "415"}
        expected |= {"422"} if "Idempotency-Key" in str(operation.get("parameters")) else set()
        expected |= {"412", "428"} if "If-Match" in str(operation.get("parameters")) else set()
        assert expected <= set(operation["responses"]), (path, method)
        for status, response in operation["responses"].items():
            told = resolved(document, response)
            if status.startswith(("4", "5")):
                assert list(told["content"]) == [MEDIA_TYPE]
                assert "/api/problems/" in told["description"]


def test_every_operation_has_words_a_tag_a_name_and_a_token(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) == 75
    for _, _, operation in operations(document):
        assert operation["description"].endswith(".") or ":" in operation["description"]
        assert operation["tags"]
        assert operation["security"] == [{"token": []}]


def test_stored_json_has_a_type(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"Finding", "Measurement", "Citation", "Threshold", "RedactionReceipt", "TimelineData"} <= set(schemas)
    for name, schema in schemas.items():
        for field, one in schema.get("properties", {}).items():
            assert one, (name, field)
            assert set(one) & {"type", "$ref", "allOf", "oneOf", "anyOf", "enum", "const"}, (name, field)
            if one.get("type") == "object":
                assert set(one) & {"properties", "additionalProperties"}, (name, field)


def test_requests_are_closed_and_answers_are_complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    bodies = [
        resolved(document, content["schema"])
        for _, _, operation in operations(document)
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
        if media_type != "text/markdown"
    ]
    forms = [resolved(document, form) for body in bodies for form in body.get("oneOf", [body])]
    assert len(forms) == 32
    assert all(one["additionalProperties"] is False for one in forms)
    answers = ("BugReport", "Incident", "Run", "RunDetail", "Evidence", "Result", "TimelineEntry", "Stack")
    for name in ("Attachment", *answers):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]), name


def test_the_pages_of_the_document_need_no_token_and_only_read() -> None:
    assert Client().get("/api/docs/").status_code == 200
    assert Client().post("/api/schema/").status_code == 405

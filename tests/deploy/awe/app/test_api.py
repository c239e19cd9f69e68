"""The api without its servers: what it says when they are gone, and what it refuses by itself."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import jwt
import pytest
from shared import tokens
from starlette.types import Message

pytestmark = pytest.mark.usefixtures("application_environment")


def call(method: str, path: str, *, body: bytes = b"", token: str = "") -> tuple[int, Any]:
    """Call the application as a server does."""
    from api.main import app

    sent: list[Message] = []
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "client": ("192.0.2.1", 1), "server": ("api", 8000), "scheme": "http"}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def test_health_names_every_dependency_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        status, body = call("GET", "/health")
    assert status == 503
    assert {name: entry["status"] for name, entry in body["checks"].items()} == {"database": "error", "redis": "error"}
    assert "refused" in body["checks"]["database"]["error"]
    assert "health: redis check failed: ConnectionError" in caplog.text
    assert '192.0.2.1 "GET /health" 503' in caplog.text


def test_an_error_that_nobody_caught_is_a_json_answer_without_details(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"username": "probe", "password": "x"}).encode()
    assert call("POST", "/auth/login", body=body) == (
        500,
        {"detail": "internal error", "error": "OperationalError"},
    )
    assert "unhandled error on POST /auth/login: OperationalError" in caplog.text
    assert "database-password" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"username": 1}', b'{"username": "\\u0000"}'])
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    assert call("POST", "/auth/login", body=body)[0] == 422


def test_a_job_that_cannot_be_queued_is_refused_with_the_reason() -> None:
    token = tokens.issue(username="probe", role="probe")
    status, body = call("POST", "/jobs", body=b'{"tool": "echo"}', token=token)
    assert status == 503
    assert body["detail"].startswith("queue unavailable: ConnectionError")


def test_a_call_without_a_valid_token_is_refused_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert call("GET", "/auth/me") == (401, {"detail": "not authenticated"})
    assert call("GET", "/auth/me", token="a.b.c")[0] == 401
    assert "auth token rejected client=192.0.2.1 path=/auth/me reason=DecodeError" in caplog.text


def test_a_token_that_nobody_signed_is_recorded_with_its_algorithm(
    application_environment: dict[str, str],
) -> None:
    for token in (jwt.encode({"sub": "x"}, "", algorithm="none"), "a.b.c"):
        assert call("GET", "/auth/me", token=token)[0] == 401
    lines = Path(application_environment["SECURITY_LOG"]).read_text().splitlines()
    assert [json.loads(line)["alg"] for line in lines] == ["none", "-"]


def test_an_unknown_path_and_a_wrong_method_are_json() -> None:
    assert call("GET", "/nowhere") == (404, {"detail": "Not Found"})
    assert call("GET", "/auth/login") == (405, {"detail": "Method Not Allowed"})

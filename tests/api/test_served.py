"""The API behind its real server: what WSGI test clients cannot show."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport
from diagnostics.models import Stack
from tests import database
from tests.api.conftest import FIELDS, FILING, token_of
from tests.api.web_server import database_url, serving

ANSWER_SECONDS = 9.0  # the pool waits for five; a slow machine gets some more
RECOVERY_SECONDS = 3.0  # the last pause between attempts of the pool is two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The web server on the test's database."""
    with serving(database_url(), tmp_path_factory.mktemp("served") / "web.log") as client:
        yield client


@pytest.fixture
def authorization(reporter: User, stack: Stack) -> dict[str, str]:
    """The reporter's token as a header."""
    return {"Authorization": f"Bearer {token_of(reporter)}"}


def pieces(size: int) -> Iterator[bytes]:
    """Give a report in pieces, so that nobody knows its length before."""
    body = FIELDS["actual_behavior"]
    head = f'{{"stack": "plain", "environment": "Staging", "actual_behavior": "{body}"'.encode()
    yield head
    sent = len(head)
    while sent < size:
        yield b" " * 65_536
        sent += 65_536
    yield b"}"


def test_a_body_in_pieces_is_taken(server: httpx.Client, authorization: dict[str, str]) -> None:
    headers = {**authorization, "Content-Type": "application/json"}
    answer = server.post(FILING, content=pieces(0), headers=headers)
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 201, answer.text
    assert answer.json()["actual_behavior"] == FIELDS["actual_behavior"]


def test_too_large_a_body_in_pieces_is_refused(server: httpx.Client, authorization: dict[str, str]) -> None:
    headers = {**authorization, "Content-Type": "application/json"}
    answer = server.post(FILING, content=pieces(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "/api/problems/too-large/")


def raw(server: httpx.Client, *lines: str) -> str:
    """Send a request head and give the answer's beginning; no body follows."""
    with socket.create_connection((server.base_url.host, server.base_url.port or 0), timeout=10) as line:
        line.sendall("\r\n".join((*lines, "", "")).encode())
        return line.recv(65_536).decode()


def test_too_large_a_body_is_refused_before_it_is_sent(server: httpx.Client, authorization: dict[str, str]) -> None:
    head = (f"POST {FILING} HTTP/1.1", "Host: localhost", f"Authorization: {authorization['Authorization']}")
    answer = raw(server, *head, "Content-Type: application/json", "Content-Length: 9000000000")
    assert answer.startswith("HTTP/1.1 413")


@pytest.mark.parametrize(
    "parameters",
    [
        "charset*=bogus''x",
        "charset*=undefined''%41",
        "charset*=utf-8''a%00b",
        "a*0*=x''",
        "a*=x; a*0=y",  # pieces with and without a number do not go together
        "charset=hex",  # known, and none of texts
        "charset=undefined",
    ],
)
def test_headers_whose_parameters_cannot_be_read_are_no_error_of_ours(
    server: httpx.Client, authorization: dict[str, str], parameters: str
) -> None:
    unreadable = {"Content-Type": f"application/json; {parameters}", "Accept": f"application/json; {parameters}"}
    for path in ("/livez", "/admin/login/?next=%2Fadmin%2F", "/api/v1/runs/?page_size=1"):
        answer = server.get(path, headers={**authorization, **unreadable})
        assert answer.status_code == 200, path
        assert answer.headers["X-Request-ID"]
    answer = server.post(FILING, json=FIELDS, headers={**authorization, **unreadable})
    assert (answer.status_code, answer.json()["type"]) == (415, "/api/problems/media-type/")
    assert "Content-Type" in answer.json()["detail"] or "charset" in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"]
    assert not BugReport.objects.exists()


@pytest.mark.parametrize("media_type", ["*/*", "application/*", "*/json", "application/json;charset*=utf-8''hex"])
def test_a_media_type_that_is_none_is_refused(
    server: httpx.Client, authorization: dict[str, str], media_type: str
) -> None:
    answer = server.post(FILING, json=FIELDS, headers={**authorization, "Content-Type": media_type})
    assert (answer.status_code, answer.json()["type"]) == (415, "/api/problems/media-type/")
    assert not BugReport.objects.exists()


def test_a_wrong_host_and_a_wrong_path_are_problems(server: httpx.Client) -> None:
    assert "application/problem+json" in raw(server, "GET /api/v1/runs/ HTTP/1.1", "Host: evil.example")
    assert "application/problem+json" in raw(server, "GET /api/%ff%00x HTTP/1.1", "Host: localhost")


def test_a_head_is_a_get_without_its_body(server: httpx.Client, authorization: dict[str, str]) -> None:
    answer = server.head("/api/v1/stacks/plain/", headers=authorization)
    body = server.get("/api/v1/stacks/plain/", headers=authorization)
    assert (answer.status_code, answer.content) == (200, b"")
    for name in ("content-type", "content-length", "vary", "cache-control"):
        assert answer.headers[name] == body.headers[name]


def test_the_documentation_asks_no_other_host(server: httpx.Client) -> None:
    page = server.get("/api/docs/")
    assert page.status_code == 200
    assert re.findall(r"https?://[^\s\"'<>]+", page.text) == []
    assert '"validatorUrl": "none"' in page.text
    files = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(files) >= 3
    for file in files:
        assert urlsplit(urljoin(str(page.url), file)).netloc == urlsplit(str(page.url)).netloc
        answer = server.get(file)
        assert answer.status_code == 200, file
        assert len(answer.content) > 500
    assert server.get("/api/schema/", headers={"Accept": "application/json"}).json()["openapi"].startswith("3.1")


def test_killed_connections_are_no_error_for_the_next_request(
    server: httpx.Client, authorization: dict[str, str]
) -> None:
    for _ in range(3):
        assert server.get("/api/v1/runs/", headers=authorization).status_code == 200
        with database.superuser().connect() as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [connection.settings_dict["NAME"]],
            )
    connection.close()


def test_a_database_that_takes_nobody_is_a_503_and_then_over(
    server: httpx.Client, authorization: dict[str, str]
) -> None:
    name = str(connection.settings_dict["NAME"])
    with database.superuser().connect() as superuser:
        superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            for _ in range(2):  # long enough for pauses that double to outlast the outage
                _assert_unavailable(server, authorization)
        finally:
            superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            connection.close()
    started = time.monotonic()
    assert server.post(FILING, json=FIELDS, headers=authorization).status_code == 201
    assert time.monotonic() - started < RECOVERY_SECONDS


def test_a_database_at_a_closed_port_is_a_503(authorization: dict[str, str], tmp_path: Path) -> None:
    closed = urlunsplit(urlsplit(database_url())._replace(netloc="incidents_app:x@127.0.0.1:1"))
    with serving(closed, tmp_path / "web.log") as server:
        _assert_unavailable(server, authorization)


def _assert_unavailable(server: httpx.Client, authorization: dict[str, str]) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:  # both wait until the pool gives up
        ready = pool.submit(server.get, "/readyz")
        answer = server.post(FILING, json=FIELDS, headers=authorization)
    assert (answer.status_code, answer.json()["type"]) == (503, "/api/problems/unavailable/")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text
    assert ready.result().status_code == 503
    assert time.monotonic() - started < ANSWER_SECONDS
    assert server.get("/livez").status_code == 200

"""Slow clients against the real web server: they hold no thread, and are ended; nobody else notices."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport
from diagnostics.models import Stack
from tests import forms, pictures
from tests.api.conftest import FIELDS, FILING, token_of
from tests.api.web_server import database_url, serving

SLOW_CLIENTS = 24  # six for each thread of the server
GRACE_SECONDS = 3.0

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A web server with four threads whose patience is short."""
    log = tmp_path_factory.mktemp("slow") / "web.log"
    with serving(database_url(), log, AWE_BODY_GRACE_SECONDS=str(GRACE_SECONDS)) as client:
        yield client


@pytest.fixture
def authorization(reporter: User, stack: Stack) -> str:
    return f"Bearer {token_of(reporter)}"


def slow(server: httpx.Client, *lines: str, sent: bytes = b"--x\r\n") -> socket.socket:
    """Open a connection, send a request's head and the beginning of its body, and go silent."""
    line = socket.create_connection((server.base_url.host, server.base_url.port or 0), timeout=20)
    line.sendall("\r\n".join((*lines, "", "")).encode() + sent)
    return line


def head(path: str, *lines: str, length: int = 100_000) -> tuple[str, ...]:
    return (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *lines)


def answer_of(line: socket.socket) -> bytes:
    """Read until the server ends the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := line.recv(65_536):
            received += piece
    return received


def test_slow_uploads_stop_nobody_and_are_ended_with_a_problem(server: httpx.Client, authorization: str) -> None:
    form = ("Content-Type: multipart/form-data; boundary=x", f"Authorization: {authorization}")
    with ExitStack() as lines:
        slow_ones = [lines.enter_context(slow(server, *head(FILING, *form))) for _ in range(SLOW_CLIENTS)]
        began = time.monotonic()
        body = forms.form([*forms.texts(FIELDS), ("screenshot", "a.png", pictures.picture())])
        headers = {"Authorization": authorization, "Content-Type": forms.CONTENT_TYPE}
        for _ in range(4):
            assert server.get("/livez").status_code == 200
            assert server.get("/api/v1/runs/", headers={"Authorization": authorization}).status_code == 200
            assert server.post(FILING, content=body, headers=headers).status_code == 201
        assert time.monotonic() - began < GRACE_SECONDS  # all of it while the slow ones were there
        for line in slow_ones:
            told = answer_of(line)
            assert told.startswith(b"HTTP/1.1 408")
            assert b"/api/problems/too-slow/" in told
            assert b"connection: close" in told.lower()
    assert time.monotonic() - began < GRACE_SECONDS + 15
    assert BugReport.objects.count() == 4


def test_strangers_who_send_slowly_stop_nobody(server: httpx.Client) -> None:
    sign_in = head("/admin/login/", "Content-Type: application/x-www-form-urlencoded", length=1000)
    with ExitStack() as lines:
        slow_ones = [lines.enter_context(slow(server, *sign_in)) for _ in range(SLOW_CLIENTS)]
        began = time.monotonic()
        for _ in range(8):
            assert server.get("/admin/login/").status_code == 200
        assert time.monotonic() - began < GRACE_SECONDS
        assert all(answer_of(line).startswith(b"HTTP/1.1 4") for line in slow_ones)


def test_a_body_that_trickles_is_ended(server: httpx.Client, authorization: str) -> None:
    with slow(server, *head(FILING, "Content-Type: application/json", f"Authorization: {authorization}")) as line:
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - began < GRACE_SECONDS + 5:
                line.sendall(b" ")
                time.sleep(0.2)
        assert time.monotonic() - began > GRACE_SECONDS - 1
        assert server.get("/livez").status_code == 200
    assert not BugReport.objects.exists()


def test_who_may_not_or_sends_too_much_is_told_that_at_once(server: httpx.Client, authorization: str) -> None:
    began = time.monotonic()
    with slow(server, *head(FILING, "Content-Type: application/json", length=9_000_000_000)) as line:
        assert b" 401 " in answer_of(line)[:20]
    form = ("Content-Type: multipart/form-data; boundary=x", f"Authorization: {authorization}")
    with slow(server, *head(FILING, *form, length=50_000_000)) as line:
        assert b" 413 " in answer_of(line)[:20]
    assert time.monotonic() - began < GRACE_SECONDS


def test_a_client_that_leaves_in_the_middle_leaves_nothing(server: httpx.Client, authorization: str) -> None:
    whole = forms.form([*forms.texts(FIELDS), ("screenshot", "a.png", pictures.picture())])
    lines = head(FILING, f"Content-Type: {forms.CONTENT_TYPE}", f"Authorization: {authorization}", length=len(whole))
    slow(server, *lines, sent=whole[:-10]).close()
    time.sleep(0.5)
    assert server.get("/livez").status_code == 200
    assert not BugReport.objects.exists()


def test_slow_clients_do_not_keep_the_server_from_stopping(
    authorization: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("stopping") / "web.log"
    with ExitStack() as lines:
        with serving(database_url(), log, AWE_BODY_GRACE_SECONDS=str(GRACE_SECONDS)) as server:
            form = ("Content-Type: multipart/form-data; boundary=x", f"Authorization: {authorization}")
            for _ in range(4):
                lines.enter_context(slow(server, *head(FILING, *form)))
            time.sleep(0.3)
            began = time.monotonic()
        assert time.monotonic() - began < GRACE_SECONDS + 5

"""Engines that cannot be used, without one: no right to the socket, hanging up, talking another language."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Engine, StackConfig
from tests.diagnostics.looks import look
from tests.diagnostics.rights import open_folder, without_rights
from tests.diagnostics.servers import serving

SLUG = "startup.engine"


def looked(url: str, folder: Path) -> Result:
    engine = Engine(url=url, project="shop")
    config = StackConfig(name="shop", environment="Staging", vantage="container", root=folder, engine=engine)
    return look(SLUG, config)


@pytest.mark.as_root
def test_a_socket_that_we_may_not_open_says_whose_it_is_and_who_we_are() -> None:
    with open_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "engine.sock"))
        listener.listen()
        (folder / "engine.sock").chmod(0o600)
        with without_rights():
            result = looked(f"unix://{folder}/engine.sock", folder)
    assert (result.state, result.leading.code) == (State.FAIL, "engine.permission")
    (evidence,) = result.evidence
    assert "mode 0600, owner 0" in evidence.content
    assert "we are user 65534" in evidence.content


def hangs_up(connection: socket.socket) -> None:
    """Read the request, and go."""
    connection.recv(1_000)


def talks_of_something_else(connection: socket.socket) -> None:
    """Greet like a mail server."""
    connection.recv(1_000)
    connection.sendall(b"220 mail.example ESMTP\r\n")


@pytest.mark.parametrize(
    ("behavior", "codes"),
    [(hangs_up, {"engine.closed"}), (talks_of_something_else, {"engine.closed", "engine.protocol"})],
)
def test_what_is_no_engine_is_said(behavior: Callable[[socket.socket], None], codes: set[str], tmp_path: Path) -> None:
    with serving(behavior) as port:
        result = looked(f"tcp://127.0.0.1:{port}", tmp_path)
    assert result.state is State.FAIL
    assert result.leading.code in codes
    assert result.leading.citations

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import look
from tests.docker.checks.breaking import without_engine

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "startup.engine"


def test_healthy(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    shows(HEALTHY, result)
    assert result.state is State.PASS


def test_an_engine_that_never_answers_costs_its_deadline_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = look(SLUG, without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.FAIL, "engine.timeout")
    assert result.duration_ms < 9_000


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("unix:///nowhere/docker.sock", "engine.no_socket", "the socket is not there"),
        ("tcp://127.0.0.1:1", "engine.refused", "nobody listens"),
    ],
)
def test_an_engine_that_is_not_there_is_one_red_line(url: str, code: str, words: str, tmp_path: Path) -> None:
    result = look("startup.engine", without_engine(tmp_path, url))
    shows(fault(words), result)
    assert (result.state, result.leading.code) == (State.FAIL, code)

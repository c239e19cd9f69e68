from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import broken, finding_of, without_engine

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "startup.container_health"


def test_healthy(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    shows(HEALTHY, result)
    assert result.state is State.PASS


def test_an_engine_that_never_answers_costs_its_deadline_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = look(SLUG, without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.ERROR, "engine.timeout")
    assert result.duration_ms < 9_000


def test_a_frozen_process_is_unhealthy_by_time(lab: ComposeStack) -> None:
    with broken(lab, "container-unhealthy") as config:
        result = look("startup.container_health", config)
        state = look("startup.container_state", config)
    shows(fault("the process is stopped by SIGSTOP"), result)
    finding_of(result, "container.unhealthy", "gateway")
    assert found(result, "container.unhealthy").measured["check_timed_out"].value is True
    assert state.state is State.PASS

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, look
from tests.docker.checks.breaking import broken, finding_of, without_engine

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "startup.container_state"


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


def test_a_stopped_container_has_exited_and_the_rest_runs(lab: ComposeStack) -> None:
    with broken(lab, "redis-down") as config:
        result = look("startup.container_state", config)
    shows(fault("a container is stopped"), result)
    finding_of(result, "container.exited", "broker")
    assert codes(result) == {"container.exited", "container.running"}


def test_a_crash_loop_is_told_from_one_sample(lab: ComposeStack) -> None:
    with broken(lab, "container-crash-loop") as config:
        result = look("startup.container_state", config)
    shows(fault("the command cannot be imported"), result)
    finding_of(result, "container.crash_loop", "gateway")
    assert any("api.srve" in one.content for one in result.evidence)


def test_a_paused_container_is_no_crash(lab: ComposeStack) -> None:
    with broken(lab, "worker-paused") as config:
        result = look("startup.container_state", config)
    shows(fault("a container is paused"), result)
    finding_of(result, "container.paused", "runner")


def test_a_taken_port_keeps_a_container_from_starting(lab: ComposeStack) -> None:
    with broken(lab, "port-conflict") as config:
        result = look("startup.container_state", config)
    shows(fault("the port on the host is taken"), result)
    finding_of(result, "container.port_taken", "door")

"""The checks of containers against a real deployment, broken for real, with other names than the usual ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import Result, State
from diagnostics.stack import Engine, StackConfig, read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.faults.fault import all_faults

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CONTAINER_CHECKS = (
    "startup.engine",
    "startup.services",
    "startup.container_state",
    "startup.out_of_memory",
    "startup.container_health",
)


@contextmanager
def broken(lab: ComposeStack, slug: str) -> Iterator[StackConfig]:
    one = all_faults()[slug]
    try:
        one.make(lab)
        yield read_stack(lab.description)
    finally:
        one.heal(lab)
        lab.wait_until_healthy()


def finding_of(result: Result, code: str, target: str) -> None:
    finding = found(result, code)
    assert (finding.state, finding.target) == (State.FAIL, target)
    assert finding.citations


@pytest.mark.parametrize("slug", CONTAINER_CHECKS)
def test_a_healthy_deployment_passes(slug: str, lab: ComposeStack) -> None:
    result = look(slug, read_stack(lab.description))
    shows(HEALTHY, result)
    assert result.state is State.PASS


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


def test_a_container_that_the_kernel_kills_is_out_of_memory(lab: ComposeStack) -> None:
    with broken(lab, "container-oom-killed") as config:
        result = look("startup.out_of_memory", config)
    shows(fault("the memory limit is too low"), result)
    finding_of(result, "memory.killed", "gateway")
    assert "24 MiB" in result.leading.message


def test_a_frozen_process_is_unhealthy_by_time(lab: ComposeStack) -> None:
    with broken(lab, "container-unhealthy") as config:
        result = look("startup.container_health", config)
        state = look("startup.container_state", config)
    shows(fault("the process is stopped by SIGSTOP"), result)
    finding_of(result, "container.unhealthy", "gateway")
    assert found(result, "container.unhealthy").measured["check_timed_out"].value is True
    assert state.state is State.PASS


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


def test_an_absent_image_is_told_from_an_absent_container(lab: ComposeStack) -> None:
    with broken(lab, "image-missing") as config:
        result = look("startup.services", config)
    shows(fault("the image cannot be had"), result)
    finding_of(result, "service.image_missing", "runner")
    assert "localhost:5999/awe/app:2024.11" in result.leading.message


def test_an_invalid_compose_file_is_shown_with_its_line(lab: ComposeStack) -> None:
    with broken(lab, "compose-invalid-yaml") as config:
        result = look("startup.services", config)
    shows(fault("the compose file is no YAML"), result)
    finding = found(result, "compose.invalid")
    assert "line" in finding.message
    assert "\t" in result.evidence[0].content


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


@pytest.mark.parametrize("slug", CONTAINER_CHECKS)
def test_an_engine_that_never_answers_costs_its_deadline_only(slug: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = look(slug, without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
    shows(HANGING, result)
    assert result.leading.code == "engine.timeout"
    assert result.state is (State.FAIL if slug == "startup.engine" else State.ERROR)
    assert result.duration_ms < 9_000


def without_engine(root: Path, url: str) -> StackConfig:
    config = StackConfig(
        name="shop", environment="Staging", vantage="container", root=root, engine=Engine(url=url, project="shop")
    )
    return replace(config, services={})

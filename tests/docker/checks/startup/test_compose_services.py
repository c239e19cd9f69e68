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

SLUG = "startup.compose_services"


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


def test_an_absent_image_is_told_from_an_absent_container(lab: ComposeStack) -> None:
    with broken(lab, "image-missing") as config:
        result = look("startup.compose_services", config)
    shows(fault("the image cannot be had"), result)
    finding_of(result, "service.image_missing", "runner")
    assert "localhost:5999/awe/app:2024.11" in result.leading.message


def test_an_invalid_compose_file_is_shown_with_its_line(lab: ComposeStack) -> None:
    with broken(lab, "compose-invalid-yaml") as config:
        result = look("startup.compose_services", config)
    shows(fault("the compose file is no YAML"), result)
    finding = found(result, "compose.invalid")
    assert "line" in finding.message
    assert "\t" in result.evidence[0].content

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from docker.errors import APIError

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from deploy.awe.compose.stack import PROJECT_LABEL, SERVICE_LABEL
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken, finding_of, without_engine
from tests.docker.checks.strays import STRAY, stray

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "startup.port_conflict"
WAITING = "import time\nprint('ready')\ntime.sleep(600)"


def test_a_published_port_is_its_own_containers(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    assert codes(result) == {"port.owned"}
    assert result.leading.target == f"0.0.0.0:{lab.settings.port}"


def test_a_port_that_a_process_of_the_host_took_names_who(lab: ComposeStack) -> None:
    with broken(lab, "port-conflict") as config:
        result = look(SLUG, config)
    shows(fault("a process of the host holds a published port"), result)
    finding_of(result, "port.taken", f"0.0.0.0:{lab.settings.port}")
    assert "python" in result.leading.message
    assert result.is_blocking


def test_a_port_that_another_container_took_names_it(lab: ComposeStack) -> None:
    labels = {PROJECT_LABEL: lab.settings.project, SERVICE_LABEL: "second"}
    with stray(lab, WAITING, ports={"80/tcp": free_port()}) as first:
        first.reload()
        port = int(first.attrs["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"])
        second = lab.engine.containers.create(image("app"), ["true"], labels=labels, ports={"80/tcp": port})
        try:
            with pytest.raises(APIError):
                second.start()
            result = look(SLUG, read_stack(lab.description))
        finally:
            second.remove(force=True)
    shows(fault("another container holds a published port"), result)
    finding_of(result, "port.taken", "second")
    assert f"service {STRAY}" in result.leading.message


def test_a_port_of_a_stopped_container_is_free(lab: ComposeStack) -> None:
    lab.container("door").stop(timeout=3)
    try:
        result = look(SLUG, read_stack(lab.description))
    finally:
        lab.container("door").start()
        lab.wait_until_healthy()
    assert codes(result) == {"port.not_running"}
    assert not result.is_blocking


def test_a_declared_port_that_is_not_published_is_said(lab: ComposeStack) -> None:
    config = read_stack(lab.description)
    door = replace(config.services["door"], listens=(("0.0.0.0", 1),))
    result = look(SLUG, replace(config, services={**config.services, "door": door}))
    assert found(result, "port.nobody_listens").state is State.WARN


def test_an_engine_that_cannot_be_asked_keeps_nobody_from_looking(tmp_path: Path) -> None:
    result = look(SLUG, without_engine(tmp_path, "tcp://127.0.0.1:1"))
    assert (result.state, result.leading.code) == (State.ERROR, "engine.refused")
    assert not result.is_blocking


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])

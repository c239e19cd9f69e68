"""The engine that `make test-docker` gives: real containers, found by their labels."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest
from docker.models.containers import Container

from deploy.awe.compose.busybox import import_busybox
from tests.diagnostics.brokers import wait_until

pytestmark = pytest.mark.docker

LABELS = {"com.docker.compose.project": "awe-test", "com.docker.compose.service": "api"}
IMAGE = "awe-incidents-test:1"


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine that DOCKER_HOST names."""
    client = docker.from_env(timeout=20)
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient) -> Iterator[str]:
    """An image of one static program: nothing can be pulled here."""
    import_busybox(os.environ["DOCKER_HOST"], image=IMAGE)
    yield IMAGE
    engine.images.remove(IMAGE, force=True)


@pytest.fixture
def container(engine: docker.DockerClient, image: str) -> Iterator[Container]:
    """A container that says a line and stays."""
    script = "echo started; exec /bin/busybox sleep 60"
    running = engine.containers.run(
        image, ["/bin/busybox", "sh", "-c", script], labels=LABELS, detach=True, network_mode="none"
    )
    yield running
    running.remove(force=True)


def test_the_engine_answers(engine: docker.DockerClient) -> None:
    assert engine.ping()
    assert engine.version()["ApiVersion"]


def test_a_container_is_found_by_its_compose_labels(engine: docker.DockerClient, container: Container) -> None:
    label = f"com.docker.compose.project={LABELS['com.docker.compose.project']}"
    found = engine.containers.list(all=True, filters={"label": label})
    assert [one.id for one in found] == [container.id]
    assert found[0].attrs["State"]["Status"] == "running"


def test_logs_come_with_the_engines_own_time_stamps(container: Container) -> None:
    wait_until(lambda: bool(container.logs()))
    stamp, _, text = container.logs(timestamps=True).decode().partition(" ")
    assert (text.strip(), stamp[-1]) == ("started", "Z")

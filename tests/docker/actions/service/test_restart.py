"""A real container is restarted once, and its engine refuses the same token a second time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from awe_incidents.recovery.actions.base import Acting, AlreadyDone, Doing, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.service.restart import RestartParameters
from awe_incidents.recovery.actions.site import Site
from deploy.awe.compose.building import BASE, build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.stack import Engine, SecretResolver, Service, StackConfig

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, PROJECT, TOKEN = "service.restart", "awe-restart-test", "awe-restart-test-token"
IMAGE = "awe/restart-test:1"
# It declares a volume, as images of databases do, and takes a moment until it is healthy.
DOCKERFILE = f"""\
FROM {BASE}
VOLUME /data
HEALTHCHECK --interval=1s CMD test -e /ready
CMD ["/bin/sh", "-c", "rm -f /ready; trap 'exit 0' TERM; sleep 1; touch /ready; while :; do sleep 0.1; done"]
"""


@pytest.fixture(scope="module")
def host() -> str:
    found = ensure_engine()
    build_images(found)
    return found


@pytest.fixture(scope="module")
def client(host: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=host, timeout=60)
    yield client
    client.close()


@pytest.fixture
def container(client: docker.DockerClient) -> Iterator[Container]:
    client.images.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=IMAGE)
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "store"}
    running = client.containers.run(IMAGE, labels=labels, detach=True, name=f"{PROJECT}-store")
    yield running
    for one in client.containers.list(all=True, filters={"name": PROJECT}):
        one.remove(force=True, v=True)
    client.images.remove(IMAGE, force=True)


@pytest.fixture
def acting(host: str, container: Container, tmp_path: Path) -> Iterator[Acting[RestartParameters]]:
    stack = StackConfig(
        name="shop",
        environment="Staging",
        vantage="container",
        root=tmp_path,
        engine=Engine(url=host, project=PROJECT),
        services={"store": Service(name="store", role="database")},
    )
    site, parameters = Site(stack, SecretResolver(tmp_path)), RestartParameters(service="store")
    yield Acting(site, parameters, action(SLUG).fingerprint(site, parameters))
    site.close()


def test_a_container_is_restarted_once_and_healthy_again(
    client: docker.DockerClient, container: Container, acting: Acting[RestartParameters]
) -> None:
    volumes = {one.name for one in client.volumes.list()}
    (step,) = action(SLUG).steps(acting)
    doing = Doing(token=TOKEN, say=print, check=lambda: None)
    assert action(SLUG).probe(acting) == Probed.CANNOT_TELL
    step.run(doing)
    verified = action(SLUG).verify(acting)
    assert verified.is_good, verified.text
    assert verified.after["health"] == "healthy"
    assert action(SLUG).probe(acting) == Probed.FINISHED_WELL
    started_at = started(container)
    assert started_at != acting.facts["started_at"]
    with pytest.raises(AlreadyDone):
        step.run(doing)
    assert started(container) == started_at
    assert client.containers.get(TOKEN).status == "created"  # the guard, which is never started
    assert {one.name for one in client.volumes.list()} == volumes


def started(container: Container) -> str:
    container.reload()
    return str(container.attrs["State"]["StartedAt"])

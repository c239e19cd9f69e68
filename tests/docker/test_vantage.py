"""Results say where they were seen from: by the engine's own word, or inside which containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.surroundings import MAX_VANTAGE, Surroundings
from tests.diagnostics.looks import look
from tests.docker.checks.breaking import described_at
from tests.docker.lone import PROJECT, SERVICE, running

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    host = ensure_engine()
    build_images(host)
    client = docker.DockerClient(base_url=host, timeout=30)
    yield client
    client.close()


def test_what_the_engine_says_is_seen_by_the_worker_and_a_program_from_inside(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    config = described_at(tmp_path, ensure_engine(), project=PROJECT)
    with running(client, ["sleep", "60"]):
        assert look("startup.container_state", config).vantage == "worker"
        assert look("startup.out_of_memory", config).vantage == f"inside container {SERVICE}"


def test_many_containers_are_counted(client: docker.DockerClient, tmp_path: Path) -> None:
    places = Surroundings(described_at(tmp_path, ensure_engine(), project=PROJECT), lambda: 5.0)
    places.engine().looked_into |= {"api", "worker"}
    assert places.vantage == "inside containers api, worker"
    places.engine().looked_into |= {f"service-number-{number}" for number in range(20)}
    assert places.vantage == "inside 22 container(s)"
    assert len(places.vantage) <= MAX_VANTAGE
    places.close()

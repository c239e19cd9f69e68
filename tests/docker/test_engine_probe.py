"""The read-only engine and its passages against real containers of a real engine, and engines that cannot be used."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from deploy.awe.compose.building import BASE, build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.surroundings import EngineWay, InsideContainer
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.engine import ReadOnlyEngine, opened
from diagnostics.probes.engine_failures import ContainerGone, ContainerStopped, EngineFailure, classified
from diagnostics.probes.passage import passage
from diagnostics.probes.programs import ProgramNotAllowed
from diagnostics.probes.redis import Limits, connected
from diagnostics.stack import Engine
from diagnostics.stack.config import Queue
from tests.diagnostics.brokers import wait_until

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROJECT = "awe-probe-test"
MIRROR = """
import socket
listener = socket.create_server(("0.0.0.0", 7000))
while True:
    connection, _ = listener.accept()
    connection.sendall(connection.recv(100)[::-1])
    connection.close()
"""
ROOT = Path()


@pytest.fixture(scope="module")
def host() -> str:
    found = ensure_engine()
    build_images(found)
    return found


@pytest.fixture(scope="module")
def client(host: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=host, timeout=30)
    yield client
    client.close()


@pytest.fixture(scope="module")
def server(client: docker.DockerClient) -> Iterator[Container]:
    """A service that turns round what it is sent."""
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "mirror"}
    running = client.containers.run(
        "awe/app:2", ["python", "-c", MIRROR], labels=labels, detach=True, name="a-name-that-says-nothing"
    )
    yield running
    running.remove(force=True)


@pytest.fixture(scope="module")
def engine(host: str, server: Container) -> Iterator[ReadOnlyEngine]:
    with opened(Engine(url=host, project=PROJECT), seconds=10, root=ROOT) as engine:
        yield engine


def ask(port: int, words: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(words)
        with contextlib.suppress(ConnectionResetError):  # what was sent was never read
            return connection.recv(100)
        return b""


def test_a_container_is_found_by_its_service(engine: ReadOnlyEngine, server: Container) -> None:
    found = engine.container("mirror")
    assert found is not None
    assert (found.id, found.status, found.service) == (server.id, "running", "mirror")
    assert engine.container("another") is None


def test_a_passage_goes_where_the_container_would_go(engine: ReadOnlyEngine) -> None:
    found = engine.container("mirror")
    assert found is not None
    with passage(engine, found, "localhost", 7000) as way:
        assert ask(way.port, b"olleh") == b"hello"
        assert ask(way.port, b"niaga") == b"again"
    assert way.connected


@pytest.mark.parametrize(
    ("name", "port", "words"),
    [("127.0.0.1", 7001, "Connection refused"), ("no-such-host.invalid", 7000, "not known")],
)
def test_a_passage_says_why_it_did_not_come_about(engine: ReadOnlyEngine, name: str, port: int, words: str) -> None:
    found = engine.container("mirror")
    assert found is not None
    with passage(engine, found, name, port) as way:
        assert ask(way.port, b"x") == b""
    assert words in way.failure


def test_a_container_that_ended_meanwhile_tells_nothing_of_the_address(client: docker.DockerClient, host: str) -> None:
    labels = {"com.docker.compose.project": f"{PROJECT}-ended", "com.docker.compose.service": "ended"}
    ended = client.containers.run(BASE, ["sleep", "600"], labels=labels, detach=True)
    try:
        with (
            opened(Engine(url=host, project=f"{PROJECT}-ended"), seconds=10, root=ROOT) as engine,
            ExitStack() as stack,
        ):
            found = engine.container("ended")
            assert found is not None
            ended.kill()
            way = EngineWay("localhost", 6379, lambda: InsideContainer(engine, found), stack)
            queue = Queue(service="list", adapter="redis-list", host="localhost", port=6379, way=way)
            limits = Limits(connect_seconds=5, ends_at=time.monotonic() + 5)
            refused = pytest.raises(ContainerStopped, match="no program can run in it")  # and no failure of Redis
            with refused, connected(queue, password=None, limits=limits) as asking:
                asking.ping()
    finally:
        ended.remove(force=True)


def test_a_connection_that_ends_with_its_container_is_no_doing_of_the_other_end(
    client: docker.DockerClient, host: str
) -> None:
    labels = {"com.docker.compose.project": f"{PROJECT}-ends", "com.docker.compose.service": "ends"}
    ends = client.containers.run("awe/app:2", ["python", "-c", MIRROR], labels=labels, detach=True)
    try:
        with opened(Engine(url=host, project=f"{PROJECT}-ends"), seconds=10, root=ROOT) as engine, ExitStack() as stack:
            found = engine.container("ends")
            assert found is not None
            way = EngineWay("localhost", 7000, lambda: InsideContainer(engine, found), stack)
            with socket.create_connection(way.address(), timeout=10) as connection:
                wait_until(lambda: way.is_connected)
                assert way.failure == ""
                ends.restart(timeout=0)
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(1) == b""
            with pytest.raises(ContainerStopped, match="started anew, while it was looked through"):
                _ = way.failure
    finally:
        ends.remove(force=True)


def test_a_passage_leaves_nothing_running_in_the_container(engine: ReadOnlyEngine) -> None:
    found = engine.container("mirror")
    assert found is not None
    with passage(engine, found, "localhost", 7000) as way, socket.create_connection(("127.0.0.1", way.port)):
        wait_until(lambda: len(engine.top(found)) > 1)
    wait_until(lambda: len(engine.top(found)) == 1)


def test_only_allowed_programs_run(engine: ReadOnlyEngine) -> None:
    found = engine.container("mirror")
    assert found is not None
    assert engine.run(found, ["id"])[1].startswith(b"uid=0")
    with pytest.raises(ProgramNotAllowed):
        engine.run(found, ["rm", "-rf", "/app"])


def test_the_log_comes_with_the_engines_time(client: docker.DockerClient, host: str) -> None:
    labels = {"com.docker.compose.project": f"{PROJECT}-logs", "com.docker.compose.service": "talker"}
    talker = client.containers.run(BASE, ["bash", "-c", "echo one; echo two >&2"], labels=labels, detach=True)
    try:
        talker.wait(timeout=20)
        with opened(Engine(url=host, project=f"{PROJECT}-logs"), seconds=10, root=ROOT) as engine:
            found = engine.container("talker")
            assert found is not None
            since = datetime.now(UTC) - timedelta(minutes=1)
            lines = b"".join(engine.logs(found, since=since)).splitlines()
            happened = [
                event.action
                for event in engine.events(since=since, until=datetime.now(UTC))
                if event.container == talker.id
            ]
    finally:
        talker.remove(force=True)
    assert sorted(line.partition(b" ")[2] for line in lines) == [b"one", b"two"]
    assert {"create", "start", "die"} <= set(happened)


def test_a_container_that_vanishes_is_said(client: docker.DockerClient, engine: ReadOnlyEngine, host: str) -> None:
    labels = {"com.docker.compose.project": f"{PROJECT}-gone", "com.docker.compose.service": "ghost"}
    ghost = client.containers.run(BASE, ["sleep", "60"], labels=labels, detach=True)
    with opened(Engine(url=host, project=f"{PROJECT}-gone"), seconds=10, root=ROOT) as other:
        found = other.container("ghost")
        ghost.remove(force=True)
        assert found is not None
        with pytest.raises(ContainerGone):
            other.run(found, ["id"])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("unix:///nowhere/docker.sock", "engine.no_socket"),
        ("tcp://127.0.0.1:1", "engine.refused"),
        ("tcp://no-such-host.invalid:2375", "engine.dns"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_said(url: str, code: str) -> None:
    with pytest.raises(EngineFailure) as refusal, opened(Engine(url=url, project="x"), seconds=3, root=ROOT):
        pass
    assert refusal.value.code == code


def test_an_engine_that_hangs_costs_no_more_than_its_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EngineFailure) as refusal, opened(Engine(url=url, project="x"), seconds=1, root=ROOT):
            pass
    assert refusal.value.code == "engine.timeout"
    assert time.monotonic() - began < 4


def test_a_socket_that_we_may_not_open_is_not_permitted() -> None:
    denied = PermissionError(13, "Permission denied")
    assert isinstance(classified("unix:///var/run/docker.sock", denied), NotPermitted)

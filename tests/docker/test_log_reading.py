"""The logs of real containers while they are read: one that is removed meanwhile, one that writes to a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import docker
import pytest

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.result import State
from diagnostics.probes.container_log import ContainerLog
from diagnostics.probes.engine import opened
from diagnostics.probes.engine_failures import ContainerGone
from diagnostics.stack import Engine, Service
from tests.diagnostics.looks import look
from tests.docker.checks.breaking import described_at
from tests.docker.lone import PROJECT, SERVICE, running, shell

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WRITES_ON = shell("while :; do echo INFO on and on; sleep 0.01; done")
LONG = shell("head -c 60000000 /dev/zero | tr '\\0' x | fold -w 15000; echo; echo 'ERROR the last words'")
LINES = 20_000
MANY_LINES = shell(f'for i in {{1..{LINES}}}; do echo "INFO line $i of many, and nothing more of it"; done')
ENDLESS_LINE = shell("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last")


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    host = ensure_engine()
    build_images(host)
    client = docker.DockerClient(base_url=host, timeout=120)
    yield client
    client.close()


@contextmanager
def log_of(container: Any, *, follow: bool = False, seconds: float = 60) -> Iterator[ContainerLog]:
    with opened(Engine(url=ensure_engine(), project=PROJECT), seconds=10, root=Path()) as engine:
        (seen,) = (one for one in engine.containers() if one.id == container.id)
        yield engine.logs(seen, follow=follow, seconds=seconds)


def test_a_log_that_is_followed_ends_with_its_container(client: docker.DockerClient) -> None:
    with running(client, WRITES_ON) as one, log_of(one, follow=True) as log:
        began, pieces = time.monotonic(), iter(log)
        assert b"INFO on and on" in next(pieces)
        one.remove(force=True)
        list(pieces)
        assert time.monotonic() - began < 30
        with pytest.raises(ContainerGone):
            list(log)  # asked for anew


def test_a_log_that_is_followed_has_no_more_time_than_it_was_given(client: docker.DockerClient) -> None:
    with running(client, WRITES_ON) as one, log_of(one, follow=True, seconds=1) as log:
        began, data = time.monotonic(), b"".join(log)
        assert 1 <= time.monotonic() - began < 10
    assert b"INFO on and on" in data
    assert "no end of the log within 1.0 s" in log.broken_off


def test_a_container_that_is_removed_while_its_log_is_read_keeps_what_was_read(client: docker.DockerClient) -> None:
    with running(client, LONG) as one:
        one.wait(timeout=120)
        with log_of(one) as log:
            pieces = iter(log)
            first = next(pieces)
            one.remove(force=True)
            size = len(first) + sum(map(len, pieces))
    assert first[:2] == b"20"  # the engine's own stamp
    # An engine that has the file open reads it to its end; another breaks off, and says so.
    assert size >= 60_000_000 or log.broken_off


def test_a_container_that_vanishes_during_the_look_costs_no_other_its_log(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "other"}
    other = client.containers.run("awe/app:2", ["python", "-c", "print('INFO well')"], labels=labels, detach=True)
    config = described_at(tmp_path, ensure_engine(), project=PROJECT)
    services = {name: Service(name=name, role="other") for name in (SERVICE, "other")}
    try:
        with running(client, LONG) as one:
            one.wait(timeout=120)
            removing = Timer(0.5, lambda: one.remove(force=True))
            removing.start()
            result = look("startup.logs", replace(config, services=services))
            removing.join()
    finally:
        other.remove(force=True)
    by_target = {name: {one.code for one in result.findings if one.target == name} for name in services}
    assert "logs.collected" in by_target["other"]
    assert by_target[SERVICE] & {"logs.collected", "logs.broken_off", "container.gone", "logs.no_container"}
    assert result.state is not State.FAIL
    assert result.duration_ms < 40_000


@pytest.mark.parametrize(("command", "last"), [(MANY_LINES, f"line {LINES} of many"), (ENDLESS_LINE, "last")])
def test_what_a_terminal_wrote_is_read_in_pieces_of_lines_not_of_bytes(
    command: list[str], last: str, client: docker.DockerClient
) -> None:
    with running(client, command, tty=True) as one:
        one.wait(timeout=120)
        with log_of(one) as log:
            pieces = list(log)
    data = b"".join(pieces)
    assert log.broken_off == ""
    assert last.encode() in data.splitlines()[-1]
    assert len(data) > 1_000_000
    assert len(pieces) < len(data) / 20  # each was a read; docker-py makes as many as there are bytes


def test_a_terminal_and_a_pipe_give_the_same_lines(client: docker.DockerClient) -> None:
    taken = []
    for has_terminal in (False, True):
        with running(client, MANY_LINES, tty=has_terminal) as one:
            one.wait(timeout=120)
            with log_of(one) as log:
                taken.append([line.partition(b" ")[2] for line in b"".join(log).splitlines()])
    assert len(taken[0]) == LINES
    assert taken[0] == taken[1]

"""What containers may write that is no text, or no end of it: a result each time, in time, and never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.result import Result, State
from diagnostics.stack import Service
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import described_at
from tests.docker.lone import PROJECT, SERVICE, running, shell

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LAST = "; echo 'ERROR these are the last words'"
HOSTILE = {
    "a line of 10 MB": "head -c 10000000 /dev/zero | tr '\\0' x; echo",
    "five lines of 10 MB": "for i in 1 2 3 4 5; do head -c 10000000 /dev/zero | tr '\\0' x; echo; done",
    "colors and a title": r"printf '\x1b[31mred\x1b[0m \x1b]0;title\x07 plain\n'",
    "no UTF-8": r"printf '\xff\xfe latin \xe5\n'",
    "binary": "head -c 300000 /dev/urandom; echo",
    "zeros": "head -c 300000 /dev/zero; echo",
}


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    host = ensure_engine()
    build_images(host)
    client = docker.DockerClient(base_url=host, timeout=60)
    yield client
    client.close()


def collected(tmp_path: Path) -> Result:
    config = described_at(tmp_path, ensure_engine(), project=PROJECT)
    return look("startup.logs", replace(config, services={SERVICE: Service(name=SERVICE, role="other")}))


@pytest.mark.parametrize("has_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_a_container_writes_its_last_words_are_kept(
    what: str, has_terminal: bool, client: docker.DockerClient, tmp_path: Path
) -> None:
    with running(client, shell(HOSTILE[what] + LAST), tty=has_terminal) as one:
        one.wait(timeout=60)
        result = collected(tmp_path)
    assert found(result, "logs.collected").state is State.PASS
    assert result.evidence[-1].content.endswith("ERROR these are the last words")
    assert all("\x1b" not in one.content and "\0" not in one.content for one in result.evidence)
    assert result.duration_ms < 20_000

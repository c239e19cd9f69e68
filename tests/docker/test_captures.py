"""What a stack of containers knows of itself: logs by a real engine, and the version that made them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.looking import Captured, CaptureRequest, capture_in_process, take_capture
from diagnostics.looking.capturing import MAX_TEXT_BYTES
from diagnostics.stack import parse_toml
from tests.diagnostics import looks
from tests.diagnostics.brokers import wait_until

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that capture live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROJECT = "awe-capture-test"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2MDAwMDAwMH0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
SCRIPTS = {
    "api": f"print('ERROR boom Bearer {JWT}', flush=True)",
    "worker": "for number in range(30_000): print(f'INFO job {number} is done', flush=True)",
    "quiet": "",
}
STACK = """
schema = 1
name = "captured"
environment = "Staging"
vantage = "container"
[engine]
url = "{url}"
project = "{project}"
[services.api]
role = "api"
[services.worker]
role = "worker"
[services.quiet]
role = "other"
[services.missing]
role = "other"
"""


@pytest.fixture(scope="module")
def host() -> str:
    found = ensure_engine()
    build_images(found)
    return found


@pytest.fixture(scope="module")
def containers(host: str) -> Iterator[dict[str, Container]]:
    """Services that have said what they had to say."""
    client = docker.DockerClient(base_url=host, timeout=30)
    made = {}
    for service, script in SCRIPTS.items():
        labels = {
            "com.docker.compose.project": PROJECT,
            "com.docker.compose.service": service,
            "com.docker.compose.version": "2.29.7",
        }
        made[service] = client.containers.run("awe/app:2", ["python", "-c", script], labels=labels, detach=True)
    wait_until(lambda: all(one.wait()["StatusCode"] == 0 for one in made.values()))
    yield made
    for one in made.values():
        one.remove(force=True)
    client.close()


def request(host: str, name: str, folder: Path, *, until: datetime | None = None) -> CaptureRequest:
    stack = parse_toml(STACK.format(url=host, project=PROJECT), folder=folder)
    return CaptureRequest(name, stack, until or datetime.now(UTC), looks.KEY)


def test_logs_of_containers_are_captured_redacted_and_bounded(
    host: str, containers: dict[str, Container], tmp_path: Path
) -> None:
    captured: Captured = capture_in_process(request(host, "container_logs", tmp_path))
    assert captured.reason == ""
    lines = captured.text.splitlines()
    assert lines[0].startswith("api | 20")
    assert "ERROR boom Bearer" in lines[0]
    assert JWT not in captured.text
    assert sum(captured.redactions.values()) == 1
    assert any(line.startswith("worker | ") and line.endswith("INFO job 29999 is done") for line in lines)
    assert len(captured.text.encode()) <= MAX_TEXT_BYTES + 100
    assert captured.dropped_bytes > 0
    assert lines[-2:] == ["[missing: there is no container]", "[quiet: nothing was logged in the window]"]
    assert captured.source.startswith("containers of api, missing, quiet, worker, from 15 min before")


def test_what_was_logged_before_the_window_is_not_taken(
    host: str, containers: dict[str, Container], tmp_path: Path
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    captured = take_capture(request(host, "container_logs", tmp_path, until=later))
    assert captured.text == ""
    assert "worker: nothing was logged in the window" in captured.reason


def test_the_version_that_made_the_containers_stands_in_where_compose_is_not_there(
    host: str, containers: dict[str, Container], tmp_path: Path
) -> None:
    with looks.instead_of_docker(tmp_path, "exit 1"):
        captured = capture_in_process(request(host, "docker_compose_version", tmp_path))
    assert captured.text == "Docker Compose version 2.29.7"
    assert captured.source == "the label com.docker.compose.version of the stack's containers"


def test_the_version_of_compose_itself_goes_first(host: str, containers: dict[str, Container], tmp_path: Path) -> None:
    captured = capture_in_process(request(host, "docker_compose_version", tmp_path))
    assert "ompose version" in captured.text
    assert captured.source in (
        "`docker compose version`, where the service's worker runs",
        "`docker-compose version`, where the service's worker runs",
    )


def test_an_engine_that_cannot_be_read_is_the_reason(tmp_path: Path) -> None:
    captured = take_capture(request("unix:///nowhere.sock", "container_logs", tmp_path))
    assert captured.text == ""
    assert "unix:///nowhere.sock" in captured.reason

"""A container is restarted once, by an engine over real HTTP that counts; tests/docker tries a real one."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from awe_incidents.recovery.actions.base import Acting, AlreadyDone, Doing, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.service.restart import RestartParameters
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack import Engine, SecretResolver, Service, StackConfig

SLUG = "service.restart"
ENDED = "2026-01-01T00:03:00.123456789Z"
STARTS = ("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z")


@dataclass
class CountingEngine:
    """One container, and everything that was changed."""

    restarts: int = 0
    names: list[str] = field(default_factory=list)
    status: str = "running"
    health: str = "healthy"
    now: str = "2026-01-01T00:03:10Z"
    created: list[dict[str, Any]] = field(default_factory=list)

    def get(self, path: str) -> Any:
        if path == "/version":
            return {"Version": "28.2.2", "ApiVersion": "1.44", "MinAPIVersion": "1.24"}
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}
        if path == "/containers/json":
            return [{"Id": "c" * 64, "Labels": labels}]
        if path == "/info":
            return {"SystemTime": self.now}
        if path.startswith("/images/"):
            return {"Id": "sha256:1", "Config": {"Volumes": {"/data": {}}}}
        state = {"Status": self.status, "StartedAt": STARTS[self.restarts], "Health": {"Status": self.health}}
        state |= {"FinishedAt": ENDED}
        return {"Id": "c" * 64, "Name": "/shop-api-1", "Image": "sha256:" + "1" * 64, "State": state}

    def post(self, path: str, query: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path.endswith("/restart"):
            self.restarts += 1
            return 204, None
        name = re.sub(r".*name=([\w-]+).*", r"\1", query)
        if name in self.names:
            return 409, {"message": "Conflict. The container name is already in use"}
        self.names.append(name)
        self.created.append(body)
        return 201, {"Id": "g" * 64, "Warnings": []}


@contextmanager
def served(engine: CountingEngine, root: Path) -> Iterator[StackConfig]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, engine.get(self._path()[0]))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            self._answer(*engine.post(*self._path(), body))

        def _path(self) -> tuple[str, str]:
            path, _, query = re.sub(r"^/v[\d.]+", "", self.path).partition("?")
            return path, query

        def _answer(self, status: int, found: Any) -> None:
            body = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield StackConfig(
            name="shop",
            environment="Staging",
            vantage="container",
            root=root,
            engine=Engine(url=f"tcp://127.0.0.1:{server.server_port}", project="shop"),
            services={"api": Service(name="api", role="api"), "worker": Service(name="worker", role="worker")},
        )
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def acting(engine: CountingEngine, tmp_path: Path) -> Iterator[Acting[RestartParameters]]:
    with served(engine, tmp_path) as stack:
        site, parameters = Site(stack, SecretResolver(tmp_path)), RestartParameters(service="api")
        yield Acting(site, parameters, action(SLUG).fingerprint(site, parameters))
        site.close()


def run(acting: Acting[RestartParameters], *, token: str = "awe-recovery-1-1") -> list[str]:
    said: list[str] = []
    (step,) = action(SLUG).steps(acting)
    step.run(Doing(token=token, say=said.append, check=lambda: None))
    return said


def test_a_restart_happens_once_however_often_it_is_tried(
    acting: Acting[RestartParameters], engine: CountingEngine
) -> None:
    assert run(acting)[0].startswith("restarted container api (cccc")
    with pytest.raises(AlreadyDone):
        run(acting)
    assert engine.restarts == 1
    assert engine.names == ["awe-recovery-1-1"]


def test_the_guard_is_never_started_and_leaves_no_volume(
    acting: Acting[RestartParameters], engine: CountingEngine
) -> None:
    run(acting)
    (guard,) = engine.created
    assert guard["HostConfig"]["Tmpfs"] == {"/data": ""}
    assert guard["Labels"] == {
        "io.awe-incidents.recovery.token": "awe-recovery-1-1",
        "com.docker.compose.project": "",
        "com.docker.compose.service": "",
    }


def test_a_lost_lease_stops_it_before_the_effect(acting: Acting[RestartParameters], engine: CountingEngine) -> None:
    (step,) = action(SLUG).steps(acting)

    def lost() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        step.run(Doing(token="awe-recovery-1-1", say=print, check=lost))
    assert engine.restarts == 0


@pytest.mark.parametrize(("health", "is_good"), [("healthy", True), ("unhealthy", False)])
def test_verification_goes_by_start_time_and_health(
    acting: Acting[RestartParameters], engine: CountingEngine, health: str, is_good: bool
) -> None:
    run(acting)
    engine.health = health
    verified = action(SLUG).verify(acting)
    assert verified.is_good == is_good
    assert verified.before["started_at"] == STARTS[0]
    assert verified.after == {"status": "running", "started_at": STARTS[1], "health": health}


def test_a_probe_tells_a_restart_from_none(acting: Acting[RestartParameters], engine: CountingEngine) -> None:
    assert action(SLUG).probe(acting) == Probed.CANNOT_TELL
    run(acting)
    assert action(SLUG).probe(acting) == Probed.FINISHED_WELL
    engine.status = "exited"
    assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY


def test_one_that_was_stopped_and_stays_so_was_not_started_again(
    acting: Acting[RestartParameters], engine: CountingEngine
) -> None:
    engine.status = "exited"
    assert action(SLUG).probe(acting) == Probed.CANNOT_TELL  # for 10 s: it may be about to start
    engine.now = "2026-01-01T00:03:40.5+00:00"
    assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY
    stopped_before = Acting(acting.site, acting.parameters, {**acting.facts, "is_running": False})
    assert action(SLUG).probe(stopped_before) == Probed.CANNOT_TELL


def test_a_paused_container_is_refused(acting: Acting[RestartParameters], engine: CountingEngine) -> None:
    engine.status = "paused"
    assert list(action(SLUG).prechecks(acting)) == ["the container is paused, so it cannot be restarted"]


def test_what_has_no_container_is_said(acting: Acting[RestartParameters]) -> None:
    with pytest.raises(ActionNotApplicable, match="0 containers"):
        action(SLUG).fingerprint(acting.site, RestartParameters(service="worker"))
    stack = acting.site.stack
    assert "no service" in str(action(SLUG).not_applicable(stack, RestartParameters(service="nothing")))
    processes = StackConfig(
        name="p", environment="Staging", vantage="process", root=stack.root, services=stack.services
    )
    assert "no containers" in str(action(SLUG).not_applicable(processes, RestartParameters(service="api")))

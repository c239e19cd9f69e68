"""Hung targets cost their own run its deadline, and nobody else anything."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_incidents.local.programs import WORKER_THREADS
from tests.journeys.service import Service

SILENT_STACK = """
schema = 1
name = "silent"
environment = "Development"
vantage = "process"

[services.api]
role = "api"
[services.database]
role = "database"
"""
DATABASE = """
[databases.d{number}]
service = "database"
host = "{host}"
port = {port}
dbname = "x"
user = "x"
"""
QUIET_STACK = """
schema = 1
name = "quiet"
environment = "Development"
vantage = "process"
[services.api]
role = "api"
"""
RUN_SECONDS = 60


@pytest.fixture
def silent_socket() -> Iterator[int]:
    """A socket that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(200)
        yield listening.getsockname()[1]


def open_incident(service: Service, stack: str) -> str:
    with service.client() as http:
        answer = http.post("/incidents/", json={"stack": stack, "title": "test"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["links"]["runs"])


def test_more_hung_checks_than_slots_do_not_hold_up_another_stack(
    service: Service, silent_socket: int, tmp_path: Path
) -> None:
    silent, quiet = tmp_path / "silent.toml", tmp_path / "quiet.toml"
    silent.write_text(SILENT_STACK + DATABASE.format(number=1, host="127.0.0.1", port=silent_socket))
    quiet.write_text(QUIET_STACK)
    service.apply(silent)
    service.apply(quiet)
    silent_runs, quiet_runs = open_incident(service, "silent"), open_incident(service, "quiet")

    with service.client() as http:
        hung = [http.post(silent_runs, json={"suite": "full"}).json()["url"] for _ in range(WORKER_THREADS + 1)]
        time.sleep(1.0)  # let them take what they can
        began = time.monotonic()
        run = service.follow(http.post(quiet_runs, json={"suite": "full"}).json()["url"], seconds=RUN_SECONDS)
    assert run["counts"].get("error", 0) == 0
    assert time.monotonic() - began < RUN_SECONDS
    for url in hung:
        late = service.follow(url, seconds=4 * RUN_SECONDS)
        states = {one["check_id"]: one["state"] for one in late["results"]}
        assert states["database.postgres_direct"] in {"fail", "error"}


def test_a_killed_worker_costs_at_most_its_checks_time(service: Service, silent_socket: int, tmp_path: Path) -> None:
    silent = tmp_path / "silent.toml"
    silent.write_text(SILENT_STACK + DATABASE.format(number=1, host="127.0.0.1", port=silent_socket))
    service.apply(silent)
    runs = open_incident(service, "silent")
    with service.client() as http:
        url = http.post(runs, json={"suite": "database"}).json()["url"]
        _wait_for_claim(service, url)
        service.kill("worker")
        run = service.follow(url, seconds=RUN_SECONDS + 10)
    assert all(one["progress"] == "stored" for one in run["results"])


def _wait_for_claim(service: Service, url: str) -> None:
    with service.client() as http:
        for _ in range(100):
            if any(one["progress"] == "looking" for one in http.get(url).json()["results"]):
                return
            time.sleep(0.05)
    raise AssertionError("no worker claimed a check")

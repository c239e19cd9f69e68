"""Hung targets cost their own run its deadline, and nobody else anything."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awe_incidents.local.programs import WORKER_THREADS
from tests.journeys.service import Service, running_service

SILENT_STACK = """
schema = 1
name = "silent"
environment = "Development"
vantage = "process"

[services.api]
role = "api"
[services.database]
role = "database"
[services.redis]
role = "queue"

[endpoints.web]
service = "api"
url = "http://127.0.0.1:{port}"

[databases.accepts-and-never-answers]
service = "database"
host = "127.0.0.1"
port = {port}
dbname = "x"
user = "x"

[queue]
service = "redis"
adapter = "redis-list"
host = "127.0.0.1"
port = {port}
pending = ["x"]
"""
NAMELESS_STACK = """
schema = 1
name = "nameless"
environment = "Development"
vantage = "process"
[services.database]
role = "database"
[databases.resolver-never-answers]
service = "database"
host = "database.silent.example"
port = 5432
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
HUNG_RUNS = 8


@pytest.fixture(scope="module")
def silent_socket() -> Iterator[int]:
    """A socket that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(200)
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own; as root it lives in a mount namespace whose resolver never answers.

    An ordinary user cannot give a process another /etc/resolv.conf; there the name is unknown at once instead.
    """
    if os.geteuid() != 0:
        with running_service() as running:
            yield running
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("127.0.0.153", 53))  # takes questions and keeps them
        configuration = tmp_path_factory.mktemp("resolver") / "resolv.conf"
        configuration.write_text("nameserver 127.0.0.153\n")
        script = f'mount --bind {configuration} /etc/resolv.conf && exec "$@"'
        with running_service("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh") as running:
            yield running


@pytest.fixture
def silent(service: Service, silent_socket: int, tmp_path: Path) -> str:
    """The address of the runs of an incident on a stack where nothing answers."""
    description = tmp_path / "silent.toml"
    description.write_text(SILENT_STACK.format(port=silent_socket))
    service.apply(description)
    return open_incident(service, "silent")


def hung(run: dict[str, Any]) -> list[str]:
    """Give the checks that are being carried out, or waited for seconds."""
    return [
        one["check_id"] for one in run["results"] if one["progress"] == "looking" or (one["duration_ms"] or 0) > 2000
    ]


def open_incident(service: Service, stack: str) -> str:
    with service.client() as http:
        answer = http.post("/incidents/", json={"stack": stack, "title": "test"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["links"]["runs"])


def test_more_hung_checks_than_slots_do_not_hold_up_another_stack(
    service: Service, silent: str, tmp_path: Path
) -> None:
    quiet = tmp_path / "quiet.toml"
    quiet.write_text(QUIET_STACK)
    service.apply(quiet)
    quiet_runs = open_incident(service, "quiet")

    with service.client() as http:
        urls = [http.post(silent, json={"suite": "full"}).json()["url"] for _ in range(HUNG_RUNS)]
        time.sleep(1.0)  # let them take what they can
        began = time.monotonic()
        run = service.follow(http.post(quiet_runs, json={"suite": "full"}).json()["url"], seconds=RUN_SECONDS)
    assert time.monotonic() - began < RUN_SECONDS
    assert run["counts"].get("error", 0) == 0
    late = [service.follow(url, seconds=HUNG_RUNS * RUN_SECONDS) for url in urls]
    assert sum(len(hung(one)) for one in late) > WORKER_THREADS
    for one in late:
        states = {result["check_id"]: result["state"] for result in one["results"]}
        assert states["database.postgres_direct"] in {"fail", "error"}
        assert "pass" not in {states["auth.health_endpoint"], states["database.redis"]}


def test_a_resolver_that_never_answers_is_the_finding_and_is_waited_for_once(service: Service, tmp_path: Path) -> None:
    description = tmp_path / "nameless.toml"
    description.write_text(NAMELESS_STACK)
    service.apply(description)
    runs = open_incident(service, "nameless")
    with service.client() as http:
        run = service.follow(http.post(runs, json={"suite": "full"}).json()["url"], seconds=RUN_SECONDS)
    results = {one["check_id"]: one for one in run["results"]}
    assert results["network.dns"]["code"] == ("dns.resolver_dead" if os.geteuid() == 0 else "dns.unknown_name")
    assert results["database.postgres_direct"]["prerequisite"] == "network.dns"
    assert [one["check_id"] for one in run["results"] if one["state"] == "fail"] == ["network.dns"]


def test_a_killed_worker_costs_at_most_its_checks_time(service: Service, silent: str) -> None:
    with service.client() as http:
        url = http.post(silent, json={"suite": "database"}).json()["url"]
    _wait_for_claim(service, url)
    began = time.monotonic()
    service.kill("worker")
    run = service.follow(url, seconds=RUN_SECONDS + 10)
    assert all(one["progress"] == "stored" for one in run["results"])
    # A lease (deadline and margin) for what the worker held, then the same look again.
    assert time.monotonic() - began < 2 * 15 + 10


def _wait_for_claim(service: Service, url: str) -> None:
    with service.client() as http:
        for _ in range(100):
            if any(one["progress"] == "looking" for one in http.get(url).json()["results"]):
                return
            time.sleep(0.05)
    raise AssertionError("no worker claimed a check")

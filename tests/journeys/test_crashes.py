"""kill -9 of worker, Redis and PostgreSQL while people file: every 201 is kept, and every run ends."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.journeys.service import Service, running_service, wait_until

FILINGS = 50
CLIENTS = 5
QUIET_STACK = """
schema = 1
name = "ledger"
environment = "Development"
vantage = "process"
[services.api]
role = "api"
"""


@pytest.fixture
def own_service() -> Iterator[Service]:
    """A service that nobody else uses, as it is going to be hurt."""
    with running_service() as running:
        yield running


class Ledger:
    """What the client was promised: a line per 201, on disk before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._lock = threading.Lock()
        self.path = path

    def note(self, entry: dict[str, object]) -> None:
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def entries(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def file_until_taken(service: Service, ledger: Ledger, number: int) -> None:
    """File one report as a careful client does: the same Idempotency-Key until there is an answer."""
    body = {"stack": "ledger", "environment": "Staging", "actual_behavior": f"report {number}"}
    with service.client("demo-reporter", timeout=10) as http:
        for _ in range(200):
            try:
                answer = http.post("/bug-reports/", json=body, headers={"Idempotency-Key": f"ledger-{number}"})
            except httpx.HTTPError:
                time.sleep(0.1)
                continue
            if answer.status_code == 201:
                filed = answer.json()
                ledger.note({"number": number, "report": filed["links"]["self"], "run": filed["run"]})
                return
            assert answer.status_code in {409, 500, 503}, answer.text
            time.sleep(0.1)
    raise AssertionError(f"report {number} was never taken")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with contextlib.closing(Ledger(tmp_path / "ledger.jsonl")) as kept:
        yield kept


def test_every_201_survives_kill_9_of_worker_redis_and_postgresql(
    own_service: Service, ledger: Ledger, tmp_path: Path
) -> None:
    service = own_service
    description = tmp_path / "stack.toml"
    description.write_text(QUIET_STACK)
    service.apply(description)

    with ThreadPoolExecutor(CLIENTS) as pool:
        filing = [pool.submit(file_until_taken, service, ledger, number) for number in range(FILINGS)]
        for program in ("worker", "valkey", "postgres"):
            done = len(ledger.entries())
            wait_until(lambda done=done: len(ledger.entries()) >= done + 5, seconds=60, what="five more filings")  # type: ignore[misc]
            service.kill(program)
        for one in filing:
            one.result(timeout=120)

    wait_until(
        lambda: all(service.is_ready(p) for p in ("postgres", "valkey", "web", "worker", "sweeper")),
        seconds=60,
        what="everything is up again",
    )
    entries = ledger.entries()
    assert sorted(int(entry["number"]) for entry in entries) == list(range(FILINGS))
    with service.client() as http:
        for entry in entries:
            report = http.get(entry["report"])
            assert report.status_code == 200
            assert report.json()["actual_behavior"] == f"report {entry['number']}"
        assert _number_of_reports(http) == FILINGS, "one report per promise, none twice"
    for entry in entries:
        service.follow(entry["run"], seconds=180)


def _number_of_reports(http: httpx.Client) -> int:
    number, url = 0, "/bug-reports/?page_size=100"
    while url:
        page = http.get(url).json()
        number, url = number + len(page["results"]), page["next"]
    return number

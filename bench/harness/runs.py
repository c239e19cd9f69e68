"""Ask for runs on a site and watch them end, in its database: watching must not load what is watched."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.harness.errors import MeasuringFailed

POLL_SECONDS = 0.005
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class CheckTime:
    """How one check of a run spent its time: from when it might be taken, and its own look."""

    slug: str
    state: str
    duration_seconds: float


class Asker:
    """An operator with one open connection to the API."""

    def __init__(self, port: int, token: str) -> None:
        self._token = token
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create something and give the answer.

        Raises: MeasuringFailed.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        self._connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise MeasuringFailed(f"{path} answered {answer.status}: {text[:300].decode(errors='replace')}")
        given: dict[str, Any] = json.loads(text)
        return given

    def open_incident(self, stack: str) -> int:
        """Open an incident on a stack."""
        return int(self.post("incidents/", {"stack": stack, "title": "bench"})["id"])

    def ask_run(self, incident: int, *, suite: str = "full") -> int:
        """Ask for a run and give its id."""
        return int(self.post(f"incidents/{incident}/runs/", {"suite": suite})["id"])


def write_stack(folder: Path, name: str, *, more: str = "") -> Path:
    """Write the description of a stack with one service and nothing to look at."""
    path = folder / f"{name}.toml"
    head = f'schema = 1\nname = "{name}"\nenvironment = "Development"\nvantage = "process"\n'
    path.write_text(f'{head}[services.api]\nrole = "api"\n{more}')
    return path


def wait_finished(connection: psycopg.Connection, run_ids: list[int], *, seconds: float) -> float:
    """Wait until the runs are committed as finished and give when that was seen, by time.monotonic().

    Raises: MeasuringFailed.
    """
    statement = "SELECT count(*) FROM diagnostics_run WHERE id = ANY(%s) AND state = 'finished'"
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        row = connection.execute(statement, [run_ids]).fetchone()
        if row and row[0] == len(run_ids):
            return time.monotonic()
        time.sleep(POLL_SECONDS)
    raise MeasuringFailed(f"runs {run_ids} did not finish within {seconds:g} s: {_open(connection, run_ids)}")


def check_times(connection: psycopg.Connection, run_id: int) -> list[CheckTime]:
    """Give the checks of a finished run, slowest first."""
    rows = connection.execute(
        "SELECT slug, state, coalesce(duration_ms, 0) / 1000.0 FROM diagnostics_checkresult WHERE run_id = %s "
        "ORDER BY 3 DESC",
        [run_id],
    )
    return [CheckTime(slug, state, float(seconds)) for slug, state, seconds in rows]


def _open(connection: psycopg.Connection, run_ids: list[int]) -> str:
    rows = connection.execute(
        "SELECT run_id, slug, progress, fence FROM diagnostics_checkresult "
        "WHERE run_id = ANY(%s) AND progress <> 'stored'",
        [run_ids],
    )
    return ", ".join(f"{slug} of {run_id} {progress} (claim {fence})" for run_id, slug, progress, fence in rows)

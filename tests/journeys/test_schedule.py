"""Nobody reports anything: beat looks at the real stack, an incident opens when it breaks and hears of its recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from awe_incidents.local.control import control
from deploy.awe.process import ProcessStack
from tests.journeys.service import Service, wait_until
from tests.stacks import broken, expectations

FAULT = "database-stopped"
NAME = "scheduled"
LOOK_SECONDS = 120.0  # a ring of beat, a run, and a busy machine


@pytest.fixture
def scheduled(service: Service, awe_stack: ProcessStack) -> Iterator[ProcessStack]:
    """The reference stack, looked at every minute under a name of its own: others report the same fault."""
    own_name = re.sub(r'^name = ".*"$', f'name = "{NAME}"', awe_stack.layout.description.read_text(), flags=re.M)
    described = awe_stack.layout.description.with_name("scheduled.toml")
    described.write_text(own_name + "\n[schedule]\nevery_minutes = 1\n")
    service.apply(described)
    yield awe_stack
    described.write_text(own_name)
    service.apply(described)


def let_the_minute_pass(service: Service) -> None:
    with psycopg.connect(service.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE diagnostics_stackschedule SET due_at = now()")


def test_beat_opens_one_incident_when_the_stack_breaks_and_notes_its_recovery(
    service: Service, scheduled: ProcessStack
) -> None:
    with service.client() as http:

        def rows(path: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = http.get(path).raise_for_status().json()["results"]
            return found

        def is_healthy() -> bool:
            return bool(http.get(f"/stacks/{NAME}/").json()["schedule"]["health"] == "healthy")

        known = {one["id"] for one in rows(f"/incidents/?stack={NAME}&page_size=100")}

        def opened() -> list[dict[str, Any]]:
            return [one for one in rows(f"/incidents/?stack={NAME}&page_size=100") if one["id"] not in known]

        wait_until(is_healthy, seconds=LOOK_SECONDS, what="the first run of the schedule finds the stack healthy")
        assert opened() == []

        with broken(scheduled, FAULT):
            let_the_minute_pass(service)
            wait_until(lambda: bool(opened()), seconds=LOOK_SECONDS, what="an incident")
            before = _scheduled_runs(rows)
            service.kill("scheduler")
            wait_until(
                lambda: control(service.folder, "status")["scheduler"]["restarts"] > 0, seconds=30, what="beat is back"
            )
            let_the_minute_pass(service)
            wait_until(lambda: _scheduled_runs(rows) > before, seconds=LOOK_SECONDS, what="a run finds it broken still")
            [incident] = opened()
            diagnosis = http.get(incident["links"]["diagnosis"]).json()

        expected = expectations()[FAULT].cause
        assert diagnosis["causes"][0]["code"] == expected
        assert diagnosis["causes"][0]["sentence"].startswith(incident["title"])
        suggested = {part: diagnosis["suggested"][part] for part in ("category", "severity")}
        assert {part: incident[part] for part in suggested} == suggested

        let_the_minute_pass(service)
        wait_until(is_healthy, seconds=LOOK_SECONDS, what="the stack is seen to be healthy again")
        assert [one["id"] for one in opened()] == [incident["id"]]
        assert http.get(incident["links"]["self"]).json()["state"] == "open"
        told = [one["kind"] for one in rows(incident["links"]["timeline"])]
        assert told == ["opened", "suggested", "run_finished", "recovered", "run_finished"]


def _scheduled_runs(rows: Any) -> int:
    try:
        found = rows(f"/runs/?stack={NAME}&page_size=100")
    except httpx.HTTPError:
        return 0
    return sum(one["is_scheduled"] and one["state"] == "finished" for one in found)

"""Words and colors of states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from awe_incidents.incidents.states import IncidentState, Severity
from awe_incidents.triage.labels import KINDS, age, distance, outcome
from diagnostics.checks.result import State

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "counts", "words"),
    [
        ("queued", {}, ("queued", "queued")),
        ("running", {}, ("running", "running")),
        ("finished", {"pass": 3, "warn": 1, "error": 2, "fail": 4}, ("fail", "4 fail")),
        ("finished", {"pass": 3, "warn": 1, "error": 2}, ("error", "2 error")),
        ("finished", {"pass": 3, "warn": 1}, ("warn", "1 warn")),
        ("finished", {"pass": 3, "skip": 1}, ("pass", "pass")),
        ("finished", {"skip": 1}, ("skip", "nothing looked")),
    ],
)
def test_a_run_is_called_by_its_worst_result(state: str, counts: dict[str, int], words: tuple[str, str]) -> None:
    assert outcome(state, counts) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=12, seconds=1), "12 min"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=5, hours=3), "5 d"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    assert age(NOW - span, now=NOW) == words


def test_what_is_bad_never_looks_good() -> None:
    bad = {State.FAIL, State.ERROR, State.WARN, IncidentState.OPEN, Severity.CRITICAL, Severity.HIGH}
    assert {KINDS[state] for state in bad} <= {"danger", "warning"}


@pytest.mark.parametrize(
    ("span", "words"),
    [(timedelta(hours=3), "3 h ago"), (timedelta(0), "0 s ago"), (timedelta(minutes=-12, seconds=-1), "in 12 min")],
)
def test_a_time_that_is_to_come_is_not_called_past(span: timedelta, words: str) -> None:
    assert distance(NOW - span, now=NOW) == words

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diagnostics.checks.result import State
from diagnostics.diagnosis.changes import MAX_CHANGES, Before, Change, changes_since
from diagnostics.diagnosis.observed import Observation, Span

SPAN = Span("startup.compose_services", "e2", 1, 1)
MADE = Observation(
    check="startup.compose_services",
    state=State.PASS,
    code="service.made_of",
    target="desk",
    message="desk: noted",
    service="desk",
    measured={"image": "sha256:aa", "environment": "HOME PATH TOKEN", "memory_limit": 0},
    lasting={"image": "", "environment": "names", "memory_limit": "B"},
    spans=(SPAN,),
)
ANSWERED = Observation(
    check="database.postgres_direct",
    state=State.PASS,
    code="postgres.answers",
    target="10.1.1.1:5432/shop",
    message="answered",
    service="store",
    measured={"connect": 30.0, "rows": 4},
    lasting={"connect": "ms"},
)


def changes(before: Observation, after: Observation, **more: Any) -> list[Change]:
    return list(changes_since(Before((before,), **more), [after]))


def test_the_same_is_no_change() -> None:
    assert changes(MADE, MADE) == []


def test_another_image_cites_what_shows_it_and_says_since_when() -> None:
    now = replace(MADE, measured={**MADE.measured, "image": "sha256:bb"})
    (change,) = changes(MADE, now, seen_at={MADE.check: "2026-03-01T08:00:00+00:00"})
    assert (change.what, change.before, change.after) == ("image", "sha256:aa", "sha256:bb")
    assert (change.since, change.spans) == ("2026-03-01T08:00:00+00:00", (SPAN,))
    assert change.sentence == "desk: image is sha256:bb, was sha256:aa"


def test_of_names_those_that_came_and_went_are_told_and_their_order_is_nothing() -> None:
    now = replace(MADE, measured={**MADE.measured, "environment": "TOKEN PATH DEBUG"})
    (change,) = changes(MADE, now)
    assert change.sentence == "desk: environment: new DEBUG; gone HOME"
    assert changes(MADE, replace(MADE, measured={**MADE.measured, "environment": "TOKEN PATH HOME"})) == []


def test_a_limit_that_was_not_set_is_said_so() -> None:
    now = replace(MADE, measured={**MADE.measured, "memory_limit": 1000})
    assert changes(MADE, now)[0].sentence == "desk: memory limit is 1000 B, was 0 B"
    unset = replace(MADE, measured={**MADE.measured, "image": ""})
    assert changes(unset, MADE)[0].sentence == "desk: image is sha256:aa, was not set"


@pytest.mark.parametrize(
    ("before", "after", "is_change"),
    [(30.0, 29.0, False), (30.0, 79.0, False), (10.0, 55.0, False), (30.0, 95.0, True), (95.0, 30.0, False)],
)
def test_only_a_duration_that_grew_much_is_a_change(before: float, after: float, is_change: bool) -> None:
    then, now = (replace(ANSWERED, measured={"connect": value, "rows": value}) for value in (before, after))
    assert bool(changes(then, now)) is is_change


def test_how_long_it_took_before_and_now_is_told() -> None:
    now = replace(ANSWERED, measured={"connect": 950.4, "rows": 4})
    assert changes(ANSWERED, now)[0].sentence == "10.1.1.1:5432/shop: connect took 950 ms, 30 ms before"


def test_what_only_one_of_both_saw_is_no_change() -> None:
    other = replace(MADE, target="hands", service="hands")
    assert changes(MADE, other) == []
    assert changes_since(Before((MADE,)), []) == ()


def test_many_changes_are_cut_off() -> None:
    many = [replace(MADE, target=f"desk-{number}") for number in range(MAX_CHANGES + 5)]
    now = [replace(one, measured={**one.measured, "image": "sha256:bb"}) for one in many]
    assert len(changes_since(Before(tuple(many)), now)) == MAX_CHANGES

"""When the fault bench says that a target is missed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.__main__ import misses, slowest


def run(*ranks: int, found: int = 0, grounded: bool = True, right: bool = True, seconds: float = 9.0) -> dict[str, Any]:
    return {
        "expected": [["a"] for _ in ranks],
        "ranks": list(ranks),
        "found": ["b"] * found,
        "right": right,
        "seconds": seconds,
        "grounded": grounded,
    }


def test_all_right_misses_nothing() -> None:
    runs = {"one": run(1), "one+two": run(2, 1), "none": run()}
    assert list(misses(runs)) == []


def test_one_of_twenty_may_come_second_and_two_may_not() -> None:
    runs = {f"fault-{number}": run(1) for number in range(19)}
    assert list(misses({**runs, "other": run(2, right=False)})) == []
    two = {**runs, "other": run(2, right=False), "third": run(3, right=False)}
    assert len(list(misses(two))) == 1


def test_the_seconds_are_told_and_fail_nothing() -> None:
    runs = {f"fault-{number}": run(1) for number in range(18)}
    one = {**runs, "nineteenth": run(1), "slow": run(1, seconds=25)}
    assert slowest(one).startswith("95 % of the runs took up to 9 s (wanted: 20): ")
    two = {**runs, "slow": run(1, seconds=25), "slower": run(1, seconds=30)}
    assert slowest(two) == "95 % of the runs took up to 25 s (wanted: 20): slow, slower"
    assert list(misses(two)) == []


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (run(4, right=False), "not among the first 3"),
        (run(0, right=False), "not among the first 3"),
        (run(1, 0, right=False), "a cause was missed"),
        (run(found=1, right=False), "without a fault"),
        (run(1, grounded=False), "without evidence"),
    ],
)
def test_what_may_never_happen(one: dict[str, Any], words: str) -> None:
    runs = {f"fault-{number}": run(1) for number in range(30)}
    (missed,) = misses({**runs, "odd": one})
    assert missed.startswith("odd: ")
    assert words in missed

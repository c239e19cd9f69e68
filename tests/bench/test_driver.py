"""The bench's driver: what it finds, what it writes, and when it says that something is wrong."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import bench
from bench import __main__ as driver
from bench.harness.errors import FigureMalformed, UnknownFamily
from bench.harness.families import Family, chosen, families
from bench.harness.figure import Figure, figure
from bench.harness.record import CHECKOUT, RESULTS, circumstances, commit

KEYS = {"name", "value", "unit", "beside", "ratio", "target", "met", "at", "commit", "machine"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


def family(measure: Callable[[bool], Iterator[dict[str, Any]]], name: str = "one") -> Family:
    return Family(name, "About one thing.", measure)


def giving(*figures: dict[str, Any]) -> Family:
    return family(lambda quick: iter(figures))


def run(*wanted: Family, results: Path, quick: bool = False) -> tuple[int, str]:
    console = Console(record=True, width=120, file=io.StringIO())
    code = driver.run(wanted, quick=quick, results=results, console=console)
    return code, console.export_text()


def lines(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()]


def test_a_family_may_say_how_long_it_takes() -> None:
    known = families(bench)
    assert known["growth"].limit_seconds == 240.0
    assert known["filing"].limit_seconds == 240.0


def test_every_module_with_a_function_figures_is_a_family() -> None:
    known = families(bench)
    assert {"diagnosis", "filing", "looks", "memory", "redaction", "uploads"} <= known.keys()
    assert all(one.about for one in known.values())
    assert not {"harness", "bare", "plain", "looking", "__main__"} & known.keys()


def test_families_come_in_the_order_asked_for_and_once() -> None:
    known = {name: family(lambda quick: iter(()), name) for name in ("a", "b", "c")}
    assert [one.name for one in chosen(known, ["c", "a", "c"])] == ["c", "a"]
    assert [one.name for one in chosen(known, [])] == ["a", "b", "c"]


def test_an_unknown_name_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownFamily, match="no bench named speed; there are a"):
        chosen({"a": family(lambda quick: iter(()))}, ["speed"])


def test_a_line_holds_the_figure_and_where_and_when_it_was_measured(results: Path) -> None:
    code, _ = run(giving(figure("speed", 30.0, "1/s", beside="walking", beside_value=10.0)), results=results)

    (line,) = lines(results)
    assert code == 0
    assert line.keys() >= KEYS
    assert (line["value"], line["beside_value"], line["ratio"]) == (30.0, 10.0, 3.0)
    assert line["machine"]["cores"] >= 1
    assert line["machine"]["memory_bytes"] > 0
    assert line["quick"] is False


def test_lines_are_appended(results: Path) -> None:
    for value in (1.0, 2.0):
        run(giving(figure("speed", value, "s")), results=results)
    assert [line["value"] for line in lines(results)] == [1.0, 2.0]


def test_no_path_and_no_host_is_written(results: Path) -> None:
    import platform

    run(giving(figure("speed", 1.0, "s")), results=results)
    text = results.read_text()
    assert str(CHECKOUT) not in text
    assert platform.node() not in text


def test_a_missed_target_costs_the_exit_code_and_is_named(results: Path) -> None:
    code, shown = run(giving(figure("slow", 9.0, "s", most=5.0), figure("quick", 1.0, "s", most=5.0)), results=results)

    assert code == 1
    assert "Targets missed: slow\n" in shown
    assert [line["met"] for line in lines(results)] == [False, True]


def test_a_figure_without_target_misses_none(results: Path) -> None:
    code, shown = run(giving(figure("size", 9.0, "MB")), results=results)
    assert (code, lines(results)[0]["met"]) == (0, None)
    assert "missed" not in shown


def test_a_family_that_fails_keeps_what_it_gave_before_and_does_not_stop_the_others(results: Path) -> None:
    def breaks(quick: bool) -> Iterator[dict[str, Any]]:
        yield figure("first", 1.0, "s")
        raise OSError("no such port")

    code, shown = run(family(breaks, "broken"), giving(figure("second", 2.0, "s")), results=results)

    assert code == 1
    assert "OSError: no such port" in shown
    assert "Not measured: broken" in shown
    assert [line["name"] for line in lines(results)] == ["first", "second"]


def test_a_family_that_hangs_is_stopped_at_its_own_limit(results: Path) -> None:
    def hangs(quick: bool) -> Iterator[dict[str, Any]]:
        time.sleep(30)
        yield figure("never", 1.0, "s")

    began = time.monotonic()
    code, shown = run(Family("hanging", "About patience.", hangs, limit_seconds=0.2), results=results)
    assert code == 1
    assert "took more than 0.2 s" in shown
    assert time.monotonic() - began < 10


def test_quick_is_handed_on_and_noted(results: Path) -> None:
    run(family(lambda quick: iter([figure("size", 1.0 if quick else 9.0, "MB")])), results=results, quick=True)
    (line,) = lines(results)
    assert (line["value"], line["quick"]) == (1.0, True)


@pytest.mark.parametrize(
    ("limits", "target", "met"),
    [
        ({"least_ratio": 0.5}, "ratio >= 0.5", True),
        ({"least_ratio": 0.7}, "ratio >= 0.7", False),
        ({"most_ratio": 0.6}, "ratio <= 0.6", True),
        ({"most_ratio": 0.5}, "ratio <= 0.5", False),
        ({"most": 6.0}, "<= 6", True),
        ({"most": 5.0}, "<= 5", False),
        ({"least": 6.0}, ">= 6", True),
        ({"least": 7.0}, ">= 7", False),
    ],
)
def test_a_limit_is_one_of_the_ratio_or_of_the_value(limits: dict[str, float], target: str, met: bool) -> None:
    given = figure("f", 6.0, "s", beside="g", beside_value=10.0, **limits)
    assert (given["target"], given["met"]) == (target, met)


def test_a_median_of_ratios_is_judged_instead_of_the_ratio_of_the_medians() -> None:
    given = figure("f", 6.0, "1/s", beside_value=10.0, ratio=0.4, least_ratio=0.5)
    assert (given["ratio"], given["met"]) == (0.4, False)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"name": "f", "value": 1.0}, "without unit"),
        ({"name": "f", "value": 1.0, "unit": "s", "colour": "red"}, "unknown keys colour"),
        ({"name": "f", "value": float("nan"), "unit": "s"}, "no measured value"),
        ({"name": "f", "value": 1.0, "unit": "s", "target": "<= 2"}, "whether it is met"),
    ],
)
def test_what_is_no_figure_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(FigureMalformed, match=complaint):
        Figure.of(given)


def test_outside_of_git_there_is_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None


def test_circumstances_name_the_second_in_utc() -> None:
    assert str(circumstances(quick=True)["at"]).endswith("+00:00")


def test_help_names_every_family_and_measures_nothing() -> None:
    before = RESULTS.stat().st_mtime_ns if RESULTS.exists() else None
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert all(f"  {name}" in done.stdout for name in ("filing", "diagnosis", "memory", "looks", "redaction"))
    assert (RESULTS.stat().st_mtime_ns if RESULTS.exists() else None) == before


def test_an_unknown_name_is_a_misuse() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "speed"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "no bench named speed" in done.stderr

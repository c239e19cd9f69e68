"""What counters of real containers mean, in moments that only a made-up engine gives; real ones: tests/docker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from tests.diagnostics import looks
from tests.diagnostics.engines import HOST_MEMORY, Container, engine_of, hangs
from tests.diagnostics.looks import codes, found, look, stack

SLUG = "performance.container_memory"
MIB = 2**20
LIMIT = {"Memory": 100 * MIB}


def using(
    mib: float, *, free: float = 0.0, cached: float = 0.0, version: int = 2
) -> Callable[[], Mapping[str, Any] | None]:
    """Give stats of so much memory besides what is free again, a part of it cached files in use."""
    names = {"inactive_file": free, "active_file": cached}
    pages = {name: int(value * MIB) for name, value in names.items()}
    if version == 1:  # there, the plain names are of the container's own group alone
        pages = dict.fromkeys(names, 1) | {f"total_{name}": value for name, value in pages.items()}
    return lambda: {
        "read": "2026-11-29T16:30:00.123456789Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 1}},
        "memory_stats": {"usage": int((mib + free) * MIB), "stats": pages},
    }


def looked(tmp_path: Path, *, baseline: Baseline = looks.NOTHING_USUAL, **containers: Container) -> Result:
    with engine_of(containers, tmp_path) as config:
        return look(SLUG, config, baseline=baseline)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("mib", "state", "code"),
    [
        (79.0, State.PASS, "memory.room"),
        (81.0, State.WARN, "memory.near_limit"),
        (96.0, State.FAIL, "memory.near_limit"),
    ],
)
def test_the_share_of_the_limit_counts_without_files_that_nobody_uses(
    tmp_path: Path, mib: float, state: State, code: str, version: int
) -> None:
    finding = looked(tmp_path, till=Container(using(mib, free=4, version=version), LIMIT)).leading
    assert (finding.state, finding.code, finding.target) == (state, code, "till")
    assert finding.measured["share"].value == mib
    assert f"{mib:.0f} of 100 MiB ({mib:.0f} %)" in finding.message


@pytest.mark.parametrize("version", [1, 2])
def test_files_in_use_are_taken_back_before_anybody_is_killed(tmp_path: Path, version: int) -> None:
    finding = looked(tmp_path, ledger=Container(using(97, cached=60, version=version), LIMIT)).leading
    assert (finding.state, finding.code) == (State.WARN, "memory.near_limit")
    assert "60 MiB of it cached files in use" in finding.message


def test_without_a_limit_it_is_a_share_of_the_machine_and_at_most_a_warning(tmp_path: Path) -> None:
    result = looked(tmp_path, till=Container(using(0.97 * HOST_MEMORY / MIB)), ledger=Container(using(500)))
    warning, room = found(result, "memory.near_limit"), found(result, "memory.room")
    assert (warning.state, warning.target, room.target) == (State.WARN, "till", "ledger")
    assert "of the host, as it has no limit of its own" in warning.message


def test_what_it_grew_by_since_the_last_good_look_is_said(tmp_path: Path) -> None:
    earlier = Baseline({"used till-1": [10 * MIB, 60 * MIB]})
    finding = looked(tmp_path, baseline=earlier, till=Container(using(85), LIMIT)).leading
    assert finding.message.endswith("; 25 MiB more than at the last good look")
    assert finding.measured["growth"].value == 25 * MIB
    shrunk = Baseline({"used till-1": [90 * MIB]})
    assert "more than" not in looked(tmp_path, baseline=shrunk, till=Container(using(85), LIMIT)).leading.message


def test_a_container_that_vanishes_and_one_that_hangs_keep_no_other_from_being_seen(tmp_path: Path) -> None:
    result = looked(
        tmp_path,
        till=Container(using(50), LIMIT),
        ghost=Container(lambda: None, LIMIT),
        frozen=Container(hangs, LIMIT),
    )
    assert found(result, "memory.room").target == "till"
    assert (found(result, "container.gone").target, found(result, "container.gone").state) == ("ghost", State.ERROR)
    assert found(result, "engine.timeout").target == "frozen"
    assert result.duration_ms < 9_000


def test_a_stack_of_which_nothing_runs_is_skipped(tmp_path: Path) -> None:
    result = looked(tmp_path, till=Container(using(50), status="exited"))
    assert (result.state, codes(result)) == (State.SKIP, {"memory.nothing_runs"})


def test_a_stack_of_processes_has_no_containers(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}

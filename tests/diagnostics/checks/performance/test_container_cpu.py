"""What counters of real containers mean, in moments that only a made-up engine gives; real ones: tests/docker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import Result, State
from tests.diagnostics.engines import Container, engine_of, hangs
from tests.diagnostics.looks import codes, found, look, stack

SLUG = "performance.container_cpu"
HALF = {"NanoCpus": 500_000_000}


@dataclass(slots=True)
class Using:
    """Stats of a container that uses so many processors, and is held back in this share of its periods."""

    processors: float
    held_back: float = 0.0
    periods_each_second: int = 10
    ends_after: int = 99  # answers; then it is gone
    began: float = field(default_factory=time.monotonic)
    asked: int = 0

    def __call__(self) -> Mapping[str, Any] | None:
        self.asked += 1
        if self.asked > self.ends_after:
            return None
        seconds = 100 + time.monotonic() - self.began
        periods = int(seconds * self.periods_each_second)
        return {
            "read": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "cpu_stats": {
                "cpu_usage": {"total_usage": int(seconds * self.processors * 1e9) + 1},
                "online_cpus": 4,
                "throttling_data": {"periods": periods, "throttled_periods": int(periods * self.held_back)},
            },
        }


def looked(tmp_path: Path, **containers: Container) -> Result:
    # Four seconds and not six; a busy machine may take half of one for an answer.
    with engine_of(containers, tmp_path, thresholds={SLUG: {"first_seconds": 1.0, "window_seconds": 4.0}}) as config:
        return look(SLUG, config)


def test_containers_with_room_pass_after_the_first_moment(tmp_path: Path) -> None:
    result = looked(tmp_path, till=Container(Using(0.2), HALF), ledger=Container(Using(1.5)))
    assert codes(result) == {"cpu.room"}
    assert result.duration_ms < 3_900  # not the whole window
    till = next(one for one in result.findings if one.target == "till")
    assert till.measured["share"].value == pytest.approx(40, abs=5)
    assert till.measured["allowed"].value == 0.5


def test_a_quota_that_is_used_up_all_the_time_fails(tmp_path: Path) -> None:
    result = looked(tmp_path, till=Container(Using(0.5, held_back=0.9), HALF))
    finding = found(result, "cpu.busy")
    assert finding.state is State.FAIL
    assert finding.threshold is not None
    assert finding.threshold.value == 95
    assert result.duration_ms > 3_500


def test_most_of_a_quota_warns(tmp_path: Path) -> None:
    assert found(looked(tmp_path, till=Container(Using(0.44), HALF)), "cpu.busy").state is State.WARN


@dataclass(slots=True)
class Bursting:
    """Stats of a container that uses all of its quota for a moment, and nothing from then on."""

    using: Using = field(default_factory=lambda: Using(0.5))

    def __call__(self) -> Mapping[str, Any] | None:
        stats = dict(self.using() or {})
        seconds = 100 + min(time.monotonic() - self.using.began, 1.0)
        stats["cpu_stats"] = dict(stats["cpu_stats"]) | {"cpu_usage": {"total_usage": int(seconds * 0.5 * 1e9)}}
        return stats


def test_a_burst_is_no_news(tmp_path: Path) -> None:
    assert codes(looked(tmp_path, till=Container(Bursting(), HALF))) == {"cpu.room"}


@pytest.mark.parametrize(("processors", "state"), [(3.9, State.WARN), (2.0, State.PASS)])
def test_without_a_quota_it_is_a_share_of_the_machine_and_at_most_a_warning(
    tmp_path: Path, processors: float, state: State
) -> None:
    finding = looked(tmp_path, till=Container(Using(processors))).leading
    assert finding.state is state
    assert "of 4 processors of the host, as it has no limit of its own" in finding.message


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({"CpuQuota": 50_000}, 0.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 200_000}, 0.25),
        ({"CpusetCpus": "0-1,3"}, 3.0),
        ({"CpusetCpus": "2", "NanoCpus": 1_500_000_000}, 1.0),
        ({"CpuQuota": -1}, None),
        ({"NanoCpus": 8_000_000_000}, None),  # more than there are
    ],
)
def test_every_kind_of_limit_counts(tmp_path: Path, limits: Mapping[str, Any], allowed: float | None) -> None:
    finding = looked(tmp_path, till=Container(Using(0.1), limits)).leading
    assert finding.measured["allowed"].value == allowed


def test_periods_in_which_it_was_held_back_warn_if_they_are_enough(tmp_path: Path) -> None:
    result = looked(
        tmp_path,
        till=Container(Using(0.2, held_back=0.4), HALF),
        idler=Container(Using(0.01, held_back=0.9, periods_each_second=2), HALF),
    )
    assert found(result, "cpu.throttled").target == "till"
    assert found(result, "cpu.room").target == "idler"


def test_a_container_that_vanishes_and_one_that_hangs_keep_no_other_from_being_seen(tmp_path: Path) -> None:
    result = looked(
        tmp_path,
        till=Container(Using(0.1), HALF),
        ghost=Container(Using(0.1, ends_after=1), HALF),
        frozen=Container(hangs),
    )
    assert found(result, "cpu.room").target == "till"
    assert (found(result, "container.gone").target, found(result, "container.gone").state) == ("ghost", State.ERROR)
    assert found(result, "engine.timeout").target == "frozen"
    assert result.duration_ms < 16_000


def test_one_that_starts_anew_meanwhile_is_left_for_the_next_look(tmp_path: Path) -> None:
    class Restarting(Using):
        def __call__(self) -> Mapping[str, Any] | None:
            self.began += 50 * self.asked  # its counters are those of a younger one
            return Using.__call__(self)

    result = looked(tmp_path, till=Container(Restarting(0.5), HALF), ledger=Container(Using(0.1)))
    assert [one.target for one in result.findings] == ["ledger"]


def test_a_stack_of_which_nothing_runs_is_skipped(tmp_path: Path) -> None:
    result = looked(tmp_path, till=Container(Using(0.1), status="exited"))
    assert (result.state, codes(result)) == (State.SKIP, {"cpu.nothing_runs"})


def test_the_moment_of_the_last_answer_is_enough(tmp_path: Path) -> None:
    empty = Container(lambda: {"read": "0001-01-01T00:00:00Z", "cpu_stats": {}})  # as of one that has just ended
    assert codes(looked(tmp_path, till=empty)) == {"cpu.nothing_runs"}


def test_a_stack_of_processes_has_no_containers(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}

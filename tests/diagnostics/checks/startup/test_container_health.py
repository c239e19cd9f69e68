"""What health states mean in moments that only a made-up engine gives; real ones: tests/docker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from diagnostics.checks.result import Result, State
from tests.diagnostics.engines import Container, engine_of
from tests.diagnostics.looks import codes, found, look

SLUG = "startup.container_health"


def looked(tmp_path: Path, *, minutes: float = 0.1, status: str = "running", **health: Any) -> Result:
    began = datetime.now(UTC) - timedelta(minutes=minutes)
    state: Mapping[str, Any] = {"StartedAt": began.isoformat(), "Health": health}
    with engine_of({"shop": Container(status=status, state=state)}, tmp_path) as config:
        return look(SLUG, config)


def test_starting_is_not_taken_for_healthy(tmp_path: Path) -> None:
    result = looked(tmp_path, Status="starting", FailingStreak=0, Log=[])
    assert found(result, "container.starting").state is State.PASS
    assert codes(result) == {"container.starting"}


def test_starting_for_longer_than_all_tries_take_is_late(tmp_path: Path) -> None:
    result = looked(tmp_path, minutes=10, Status="starting", FailingStreak=0, Log=[])
    assert found(result, "container.health_late").state is State.WARN


def test_one_failed_check_is_a_streak_and_not_yet_unhealthy(tmp_path: Path) -> None:
    log = [{"End": datetime.now(UTC).isoformat(), "ExitCode": 1, "Output": "database: refused"}]
    result = looked(tmp_path, Status="healthy", FailingStreak=1, Log=log)
    assert found(result, "container.health_streak").state is State.WARN
    assert "database: refused" in result.leading.message


def test_unhealthy_with_an_empty_log_between_two_starts_is_left_to_the_state(tmp_path: Path) -> None:
    result = looked(tmp_path, status="restarting", Status="unhealthy", FailingStreak=0, Log=[])
    assert codes(result) == {"container.none_runs"}


def test_a_health_check_of_an_earlier_life_is_said_to_be(tmp_path: Path) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    log = [{"End": long_ago, "ExitCode": 1, "Output": "refused"}]
    result = looked(tmp_path, Status="unhealthy", FailingStreak=3, Log=log)
    assert "(before the last start): refused" in result.evidence[0].content

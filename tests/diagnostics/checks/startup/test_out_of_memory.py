"""What the mark of a kill means, as the engine keeps it until a start by hand; real kills: tests/docker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.checks.result import State
from tests.diagnostics.engines import Container, engine_of
from tests.diagnostics.looks import found, look

SLUG = "startup.out_of_memory"


def started(*, minutes_ago: float) -> str:
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return moment.isoformat().replace("+00:00", "123Z")  # with nanoseconds, as the engine has them


@pytest.mark.parametrize(
    ("exit_code", "restarts", "minutes_ago", "status", "state", "code"),
    [
        (137, 0, 5, "exited", State.FAIL, "memory.killed"),
        (0, 2, 1, "running", State.FAIL, "memory.killed"),  # between two kills it runs, with exit code 0
        (137, 2, 1, "restarting", State.FAIL, "memory.killed"),
        (0, 2, 60, "running", State.WARN, "memory.killed_before"),
        (0, 0, 60, "running", State.WARN, "memory.child_killed"),
        (1, 0, 5, "exited", State.WARN, "memory.child_killed"),
    ],
)
def test_the_mark_alone_says_neither_when_nor_which_process(
    exit_code: int, restarts: int, minutes_ago: float, status: str, state: State, code: str, tmp_path: Path
) -> None:
    facts = {"OOMKilled": True, "ExitCode": exit_code, "StartedAt": started(minutes_ago=minutes_ago)}
    shop = Container(status=status, state=facts, restarts=restarts, limits={"Memory": 64 * 2**20})
    with engine_of({"shop": shop}, tmp_path) as config:
        result = look(SLUG, config)
    finding = found(result, code)
    assert (finding.state, finding.target) == (state, "shop")
    assert "its limit is 64 MiB" in finding.message
    assert finding.citations


def test_137_without_the_mark_is_a_kill_from_outside(tmp_path: Path) -> None:
    shop = Container(status="exited", state={"OOMKilled": False, "ExitCode": 137})
    with engine_of({"shop": shop}, tmp_path) as config:
        result = look(SLUG, config)
    assert found(result, "memory.not_killed").state is State.PASS
    assert "shop ended with exit code 137, which was a kill from outside" in result.leading.message


def test_a_container_that_cannot_be_looked_into_is_counted(tmp_path: Path) -> None:
    with engine_of({"shop": Container(state={"OOMKilled": False, "ExitCode": 0})}, tmp_path) as config:
        result = look(SLUG, config)
    assert "of 1 that run only the engine's mark is known" in found(result, "memory.not_killed").message

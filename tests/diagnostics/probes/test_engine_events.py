"""Events and archives of an engine: read as it told them, for so long and no longer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.probes.engine import opened
from diagnostics.probes.engine_events import EngineEvent, read_events
from diagnostics.probes.engine_failures import EngineFailure
from tests.diagnostics.engines import Container, Telling, engine_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECONDS = 0.5


def told(action: str = "start", *, nanoseconds: int = 1_700_000_000_123_456_789, **attributes: str) -> dict[str, Any]:
    """Give an event as Docker 28 tells it."""
    return {
        "status": action,
        "id": "c1",
        "Type": "container",
        "Action": action,
        "Actor": {"ID": "c1", "Attributes": {"name": "shop-api-1", **attributes}},
        "scope": "local",
        "time": nanoseconds // 10**9,
        "timeNano": nanoseconds,
    }


def line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def test_an_exec_is_taken_apart() -> None:
    [one] = read_events([line(told("exec_start: psql -c SELECT 1: 2", execID="e1"))])
    assert (one.action, one.command, one.container, one.name) == (
        "exec_start",
        "psql -c SELECT 1: 2",
        "c1",
        "shop-api-1",
    )
    assert one.at == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


def test_events_may_be_cut_anywhere() -> None:
    content = line(told("kill", signal="15")) + line(told("die", exitCode="0"))
    whole = read_events([content])
    assert [one.action for one in whole] == ["kill", "die"]
    assert whole[0].signal == 15
    for cut in range(0, len(content), 7):
        assert read_events([content[:cut], content[cut:]]) == whole


def test_the_same_event_has_the_same_key_and_another_one_another() -> None:
    execs = [told("exec_start: id", execID=one) for one in ("a", "a", "b")]
    execs.append(told("exec_start: id", execID="a", nanoseconds=10**18))
    one, again, other, later = read_events(map(line, execs))
    assert one.key == again.key
    assert len({one.key, other.key, later.key}) == 3


@pytest.mark.parametrize("content", [b"[]\n", b"no json\n", b'"text"\n'])
def test_what_is_no_event_is_refused(content: bytes) -> None:
    with pytest.raises(EngineFailure, match="none"):
        read_events([content])


def events_of(tells: Callable[[Telling], None], root: Path) -> list[EngineEvent]:
    with engine_of({}, root, events=tells) as stack:
        assert stack.engine is not None
        with opened(stack.engine, seconds=SECONDS, root=root) as engine:
            return engine.events(since=NOW - timedelta(minutes=1), until=NOW)


def archive_of(tells: Callable[[Telling], None], root: Path) -> bytes:
    with engine_of({"till": Container(archive=tells)}, root) as stack:
        assert stack.engine is not None
        with opened(stack.engine, seconds=SECONDS, root=root) as engine:
            seen = engine.container("till")
            assert seen is not None
            return engine.archive(seen, "/etc/hosts")


def tells_one(telling: Telling) -> None:
    telling.chunk(line(told()))


def ends(telling: Telling) -> None:
    tells_one(telling)
    telling.end()


def hangs(telling: Telling) -> None:
    tells_one(telling)
    telling.hang()


def drips(telling: Telling) -> None:
    """Say a little again and again, so that no single read is ever late."""
    for _ in range(100):
        telling.chunk(b" ")
        time.sleep(0.05)


def hangs_up(telling: Telling) -> None:
    tells_one(telling)
    telling.hang_up()


def test_an_engine_tells(tmp_path: Path) -> None:
    assert [one.action for one in events_of(ends, tmp_path)] == ["start"]
    assert archive_of(ends, tmp_path) == line(told())


@pytest.mark.parametrize("read", [events_of, archive_of])
@pytest.mark.parametrize(
    ("tells", "code"), [(hangs, "engine.timeout"), (drips, "engine.timeout"), (hangs_up, "engine.closed")]
)
def test_an_engine_that_does_not_come_to_an_end_costs_no_more_than_the_limit(
    read: Callable[..., object], tells: Callable[[Telling], None], code: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(EngineFailure) as refusal:
        read(tells, tmp_path)
    assert refusal.value.code == code
    assert time.monotonic() - began < 4 * SECONDS + 2

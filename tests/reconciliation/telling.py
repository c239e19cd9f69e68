"""Events as an engine tells them, made by what somebody does to a container."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from diagnostics.probes.engine_events import EngineEvent, read_events
from tests.diagnostics.engines import Telling

RECORDED = Path(__file__).with_name("recorded")
MOMENT = timedelta(microseconds=10)


@dataclass
class EventLog:
    """The events that an engine still has; `now` is when the next one happens, a moment later each time."""

    project: str = "shop"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    kept: list[dict[str, Any]] = field(default_factory=list)
    is_away: bool = False
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def tell(self, action: str, service: str = "api", *, name: str = "", **attributes: str) -> dict[str, Any]:
        """Let one event happen to the container of a service, or to one that has only a name."""
        self.now += MOMENT
        labels = {"com.docker.compose.project": self.project, "com.docker.compose.service": service}
        nanoseconds = round(self.now.timestamp() * 1_000_000) * 1_000
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {
                "ID": f"{service}-id" if service else name,
                "Attributes": {**(labels if service else {}), "name": name or f"shop-{service}-1", **attributes},
            },
            "time": nanoseconds // 10**9,
            "timeNano": nanoseconds,
        }
        self.kept.append(event)
        return event

    def restart(self, service: str = "api") -> None:
        self.stop(service)
        self.tell("start", service)
        self.tell("restart", service)

    def stop(self, service: str = "api") -> None:
        self.tell("kill", service, signal="15")
        self.tell("die", service, exitCode="143")
        self.tell("stop", service)

    def crash(self, service: str = "api") -> None:
        """Let it end by itself, and be started again by its policy."""
        self.tell("die", service, exitCode="1")
        self.later(seconds=0.1)
        self.tell("start", service)

    def run(self, command: str, service: str = "api") -> None:
        number = f"exec-{next(self.numbers)}"
        self.tell(f"exec_create: {command}", service, execID=number)
        self.tell(f"exec_start: {command}", service, execID=number)
        self.tell("exec_die", service, execID=number, exitCode="0")

    def later(self, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def answer(self, telling: Telling) -> None:
        """Tell all of them, as the fake engine's answer; one that is away hangs up."""
        if self.is_away:
            telling.reset()
            return
        for event in self.kept:
            telling.chunk(json.dumps(event).encode() + b"\n")
        telling.end()

    def events(self) -> list[EngineEvent]:
        return events_of(self.kept)


def events_of(documents: Sequence[Mapping[str, Any]]) -> list[EngineEvent]:
    return read_events(json.dumps(one).encode() + b"\n" for one in documents)


def recorded(name: str) -> list[EngineEvent]:
    """Give events that a real engine told."""
    return read_events([(RECORDED / f"{name}.jsonl").read_bytes()])

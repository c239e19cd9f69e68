"""Events of an engine that belong to one stack: of its containers, and of the names that our executions took (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from awe_incidents.recovery.actions.traces import digest_of_command
from diagnostics.probes.engine import PROJECT_LABEL, SERVICE_LABEL
from diagnostics.probes.engine_events import CONTAINER, EngineEvent
from diagnostics.probes.legible import legible

TOKEN = re.compile(r"awe-recovery-(\d{1,18})-\d{1,5}")  # ExecutionStep.token
DEFAULT_SHELL = ("/bin/sh", "-c")
MAX_ACTION, MAX_CONTAINER, MAX_NAME = 32, 64, 300  # characters, as the table has room for
MAX_NAME_SAID = 60  # of a name, where it stands among others
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a stack, at a time of our clock."""

    key: str
    at: datetime
    action: str
    container: str = ""
    name: str = ""
    service: str = ""
    command: str = field(default="", repr=False)  # of an exec; it may hold a secret, so it is not kept
    command_digest: str = ""
    signal: int = 0
    execution_id: int | None = None  # whose token the container has for a name

    def __str__(self) -> str:
        """Say it in words, without the command: that may hold a secret."""
        place = (self.service or self.name)[:MAX_NAME_SAID] or self.container[:12]
        return f"{self.action} of {place} ({self.container[:12]}) at {self.at:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What tells a container's own doing from that of others."""

    service: str
    health: str  # digest of its health check's command; "" without one
    restarts: bool  # its restart policy starts it again

    @classmethod
    def of(cls, service: str, attributes: Mapping[str, Any]) -> ContainerFacts:
        """Read what inspect says."""
        policy = ((attributes.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
        command = _health_command(attributes.get("Config") or {})
        return cls(name_of(service), digest_of_command(command), policy != "no")


def happenings(events: Iterable[EngineEvent], *, project: str, offset: timedelta) -> Iterator[Happening]:
    """Give those of one project and of our executions' names; `offset` is how far the engine's clock is ahead."""
    for event in events:
        if event.kind != CONTAINER:
            continue
        token = TOKEN.fullmatch(event.name)
        if token or event.attributes.get(PROJECT_LABEL) == project:
            found = _happening(event, at=event.at - offset)
            yield replace(found, execution_id=int(token[1])) if token else found


def name_of(label: str) -> str:
    """Give what somebody wrote as a name in one line that the table has room for."""
    return _CONTROL.sub("\ufffd", legible(label[:MAX_NAME]))


def _happening(event: EngineEvent, *, at: datetime) -> Happening:
    return Happening(
        key=event.key,
        at=at,
        action=event.action[:MAX_ACTION],
        container=event.container[:MAX_CONTAINER],
        name=name_of(event.name),
        service=name_of(event.attributes.get(SERVICE_LABEL, "")),
        command=event.command,
        command_digest=digest_of_command(event.command),
        signal=event.signal,
    )


def _health_command(config: Mapping[str, Any]) -> str:
    kind, *words = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if kind == "CMD-SHELL":
        words = [*(config.get("Shell") or DEFAULT_SHELL), *words]
    return legible(" ".join(words)) if kind in {"CMD", "CMD-SHELL"} else ""

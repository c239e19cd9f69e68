"""Lines of a stack's logs for a bug report: of files where its services are processes, else of containers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from diagnostics.looking.capturing import Capturing, NothingToCapture
from diagnostics.probes.container_log import ContainerLog
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.logs import cleaned, rotated, take_excerpt
from diagnostics.stack import Service

MAX_LINES = 2_000  # of one container; the engine gives the last ones
MAX_READ_BYTES = 4_000_000
READ_SECONDS = 10.0  # for all logs of containers; one of them takes at most half of what is left


@dataclass(slots=True)
class Taken:
    """Lines as Compose shows them, and what of them could not be had."""

    services: list[str]
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, service: str, text: str) -> None:
        """Add a text, its service before each line."""
        self.lines += [f"{service} | {line}" for line in text.split("\n")]


def of_files(capturing: Capturing, *, since: datetime, room: int) -> Taken:
    """Take what the services' log files say since a moment.

    Raises: NothingToCapture, where none are described.
    """
    services = [service for service in capturing.stack.services.values() if service.log_files]
    if not services:
        raise NothingToCapture("no service of the stack's description names log_files")
    taken = Taken([service.name for service in services])
    for service in services:
        _take_files(service, taken, capturing, since=since, room=room // len(services))
    return taken


def _take_files(service: Service, taken: Taken, capturing: Capturing, *, since: datetime, room: int) -> None:
    paths = [path for named in service.log_files for path in (*rotated(named, since=since)[0], named)]
    for path in paths:
        try:
            excerpt = take_excerpt(path, since=since, max_bytes=room // len(paths))
        except (CouldNotLook, FileUnusable) as refusal:
            taken.notes.append(capturing.clean(f"{service.name}: {refusal}"))
            continue
        if excerpt.is_silent or not excerpt.size_bytes:
            taken.notes.append(capturing.clean(f"{service.name}: nothing was written to {path} in the window"))
            continue
        capturing.dropped_bytes += excerpt.dropped_bytes
        for number, piece in enumerate(excerpt.pieces):
            taken.lines += [left_out(excerpt.dropped_bytes)] if number else []
            taken.add(service.name, capturing.clean(piece.text))


def of_containers(capturing: Capturing, *, since: datetime, room: int) -> Taken:
    """Take what the stack's containers wrote since a moment, by the engine's own time stamps.

    Raises: EngineFailure, NotPermitted, where the engine cannot be read at all.
    """
    names = sorted(capturing.stack.services)
    taken, ends_at = Taken(names), time.monotonic() + READ_SECONDS
    with capturing.places() as places:
        found, engine = places.containers(), places.engine()
        for name in names:
            containers = found.get(name, [])
            if not containers:
                taken.notes.append(f"{name}: there is no container")
            for container in containers:
                seconds = (ends_at - time.monotonic()) / 2
                log = engine.logs(container, since=since, tail=MAX_LINES, seconds=seconds)
                _take_container(container, log, taken, capturing, room=room // len(names))
    return taken


def _take_container(container: Seen, log: ContainerLog, taken: Taken, capturing: Capturing, *, room: int) -> None:
    try:
        data = _last(log, room, capturing)
    except (CouldNotLook, ProbeFailure) as failure:
        taken.notes.append(capturing.clean(f"{container.service}: {failure}"))
        return
    if log.broken_off:
        taken.notes.append(capturing.clean(f"{container.service}: the log broke off: {log.broken_off}"))
    elif not data:
        taken.notes.append(f"{container.service}: nothing was logged in the window")
    if data:
        taken.add(container.service, capturing.clean(cleaned(data)))


def _last(log: ContainerLog, room: int, capturing: Capturing) -> bytes:
    """Give the last whole lines that fit."""
    data, number = b"", 0
    for chunk in log:
        number += len(chunk)
        data += chunk
        if len(data) > 2 * room:
            data = data[-room:]
        if number > MAX_READ_BYTES:
            break
    if number > room:
        data = data[-room:].partition(b"\n")[2]
    if log.broken_off:
        data = b"".join(data.rpartition(b"\n")[:2])
    capturing.dropped_bytes += number - len(data)
    return data


def left_out(number: int) -> str:
    """Say how much is missing between two lines."""
    return f"[... {number:,} bytes left out ...]"

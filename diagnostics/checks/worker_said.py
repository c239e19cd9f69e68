"""What the worker of a queue wrote to its log within the window, as far as it says how tasks fared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diagnostics.checks.container_logs import spooled
from diagnostics.checks.result import Citation
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.worker_log import Kind, Line, Noted, begun, noted, read_lines
from diagnostics.stack import Queue

MAX_BYTES = 2_000_000
SHOWN_LINES = 200


@dataclass(frozen=True, slots=True)
class WorkerSaid:
    """The lines of the window and what they say; `unread` says why a file gave none."""

    minutes: int
    lines: tuple[Line, ...] = ()
    noted: tuple[Noted, ...] = ()
    unread: str = ""

    def of(self, *kinds: Kind) -> list[Noted]:
        """Give what is noted of these kinds."""
        return [one for one in self.noted if one.kind in kinds]

    def begun(self, job: str) -> list[Line]:
        """Give the lines in which a job is begun and not ended."""
        return begun(self.lines, job) if job else []


def worker_said(seeing: Seeing, queue: Queue, *, has_ended: bool = False) -> WorkerSaid:
    """Read the log files of the queue's worker, or the logs of its containers."""
    files, unread = read_files(seeing, queue.worker_service)
    lines = tuple(line for file in files for line in file)
    found = tuple(one for file in files for one in noted(file, has_ended=has_ended))
    return WorkerSaid(seeing.stack.logs.window_minutes, lines, found, unread)


def read_files(seeing: Seeing, name: str | None) -> tuple[list[list[Line]], str]:
    """Give the window's lines of each log of a service, and why one gave none.

    That a log cannot be read is the finding of startup.logs.
    """
    service = seeing.stack.services.get(name or "")
    since = seeing.now() - timedelta(minutes=seeing.stack.logs.window_minutes)
    if service and seeing.surroundings.is_container:
        return _read_containers(seeing, service.name, since)
    files: list[list[Line]] = []
    unread: list[str] = []
    for path in service.log_files if service else ():
        try:
            files.append(read_lines(path, since=since, max_bytes=MAX_BYTES))
        except (FileUnusable, NotPermitted) as error:
            unread.append(str(error))
    return files, "; ".join(unread)


def _read_containers(seeing: Seeing, service: str, since: datetime) -> tuple[list[list[Line]], str]:
    """Ask the engine; its own stamps dated the lines and are no words of the worker."""
    try:
        with spooled(seeing, service, since=since) as logs:
            files = [read_lines(one.path, since=since, max_bytes=MAX_BYTES) for one in logs]
            unread = "; ".join(one.broken_off for one in logs if one.broken_off)
    except CouldNotLook as error:
        return [], str(error)
    return [[replace(line, text=line.text.partition(" ")[2]) for line in file] for file in files], unread


def keep_lines(seeing: Seeing, service: str | None, lines: Sequence[Line]) -> tuple[Citation, ...]:
    """Keep the lines that prove something, each with its number in the file; none where there are none."""
    if not lines:
        return ()
    content = [f"line {line.number}: {line.text}" for line in lines[-SHOWN_LINES:]]
    source = f"log of {service}, chosen lines"
    return (seeing.keep("log_excerpt", source=source, content=content).whole(),)

"""What the worker of a queue wrote to its log files within the window, as far as it says how tasks fared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from diagnostics.checks.result import Citation
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
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
    """Read the log files of the queue's worker; one that cannot be read is the finding of startup.logs."""
    minutes = seeing.stack.logs.window_minutes
    lines: list[Line] = []
    found: list[Noted] = []
    unread: list[str] = []
    for path in log_files(seeing, queue):
        try:
            more = read_lines(path, since=seeing.now() - timedelta(minutes=minutes), max_bytes=MAX_BYTES)
        except (FileUnusable, NotPermitted) as error:
            unread.append(str(error))
            continue
        lines += more
        found += noted(more, has_ended=has_ended)
    return WorkerSaid(minutes, tuple(lines), tuple(found), "; ".join(unread))


def log_files(seeing: Seeing, queue: Queue) -> tuple[Path, ...]:
    """Give the log files of the queue's worker, none where the stack names none."""
    service = seeing.stack.services.get(queue.worker_service or "")
    return service.log_files if service else ()


def keep_lines(seeing: Seeing, queue: Queue, lines: Sequence[Line]) -> tuple[Citation, ...]:
    """Keep the lines that prove something, each with its number in the file; none where there are none."""
    if not lines:
        return ()
    content = [f"line {line.number}: {line.text}" for line in lines[-SHOWN_LINES:]]
    source = f"log of {queue.worker_service}, chosen lines"
    return (seeing.keep("log_excerpt", source=source, content=content).whole(),)

"""The logs of containers as files for a moment, so that what reads logs of files reads them in the same way.

Memory stays flat: a log goes from the engine to the disk in pieces, of a long one the beginning and the end. Each log
has a time of its own, so that one that never ends costs neither the others nor what had come of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen

MAX_LINES = 50_000  # the last ones of the window
MAX_SPOOLED_BYTES = 64_000_000  # more only where a service's excerpt may be as long
MAX_SECONDS = 15.0  # for one log; ours: an engine gives 50,000 lines in 1 to 2 s, 300 MB in about 10
SHARE = 0.5  # of the time that is left: the others and the redaction need theirs
BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Spooled:
    """A container's lines in a file, each with the engine's time stamp in front; `cut_bytes` of its middle are not.

    Where the log broke off, `broken_off` says why, and the file holds the whole lines that had come.
    """

    container: Seen
    path: Path
    cut_bytes: int
    broken_off: str = ""


@contextmanager
def spooled(seeing: Seeing, service: str, *, since: datetime) -> Iterator[list[Spooled]]:
    """Give the logs of a service's containers, running or not; the files are gone afterwards.

    Raises, where none can be read: EngineFailure, ContainerGone, NotPermitted.
    """
    containers = seeing.surroundings.containers().get(service, [])
    with tempfile.TemporaryDirectory(prefix="awe-logs-") as folder:
        paths = [Path(folder) / f"{number}.log" for number in range(len(containers))]
        logs = [_spool(seeing, one, path, since) for one, path in zip(containers, paths, strict=True)]
        refusals = [one for one in logs if isinstance(one, CouldNotLook)]
        if refusals and len(refusals) == len(logs):
            raise refusals[0]
        yield [
            Spooled(container, path, 0, str(log)) if isinstance(log, CouldNotLook) else log
            for log, container, path in zip(logs, containers, paths, strict=True)
        ]


def _spool(seeing: Seeing, container: Seen, path: Path, since: datetime) -> Spooled | CouldNotLook:
    # What an excerpt takes at most comes from whole ends, so that where they meet never lies in it.
    max_bytes = max(MAX_SPOOLED_BYTES, 2 * seeing.stack.logs.max_bytes_per_service)
    seconds = min(MAX_SECONDS, SHARE * seeing.seconds_left())
    try:
        log = seeing.surroundings.engine().logs(container, since=since, tail=MAX_LINES, seconds=seconds)
        cut = write_ends(log, path, max_bytes=max_bytes)
    except CouldNotLook as refusal:
        path.touch()
        return refusal
    # A secret that is cut in two is one that no rule knows.
    return Spooled(container, path, cut + (cut_last_line(path) if log.broken_off else 0), log.broken_off)


def cut_last_line(path: Path) -> int:
    """Cut off what stands behind the last line end of a file, and give how many bytes that were."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - BLOCK_BYTES, 0)
            file.seek(start)
            if (newline := file.read(end - start).rfind(b"\n")) >= 0:
                end = start + newline + 1
                break
            end = start
        return size - file.truncate(end)


def write_ends(chunks: Iterable[bytes], path: Path, *, max_bytes: int) -> int:
    """Write the beginning and the end of a stream of lines to a file, at most `max_bytes`, and give what is left out.

    The end is kept in two files by turns, of which the older one is thrown away when the newer one is full.
    """
    total, dropped = 0, 0
    with path.open("wb") as file, _beside(path) as older, _beside(path) as newer:
        for chunk in chunks:
            total += len(chunk)
            room = max(max_bytes // 2 - file.tell(), 0)
            file.write(chunk[:room])
            if newer.tell() + len(chunk[room:]) > max_bytes // 4:
                dropped += older.tell()
                older, newer = newer, older
                newer.seek(0)
                newer.truncate()
            newer.write(chunk[room:])
        for number, one in enumerate((older, newer)):
            one.seek(0)
            if dropped and not number:
                one.readline(max_bytes)  # its beginning was thrown away
                file.write(b"\n")
                total += 1
            shutil.copyfileobj(one, file)
        return total - file.tell()


def _beside(path: Path) -> tempfile._TemporaryFileWrapper[bytes]:
    return tempfile.NamedTemporaryFile(dir=path.parent)

"""A file of JSON lines that follows the trail, as programs that collect logs read it.

Rows are the truth: lines are written of entries that have their place, after the fact. Up to where stands in a hidden
file beside and, of what was written after that, in the last line itself (`metadata.sequence`), so a crash costs nothing
and repeats nothing; one at the very moment of a rotation may write a batch twice, with the same sequence numbers.
A file that was moved away is made anew, as logrotate wants it; one that was begun and not ended loses its torn line.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psycopg

from awe_incidents.audit.durable import write_durably
from awe_incidents.audit.log_rows import ENTRIES_AT_ONCE, log_head
from awe_incidents.audit.ocsf_rows import Chosen, ocsf_lines

MODE = 0o640
TAIL_BYTES = 1_000_000  # more than the longest line: an entry has 65,535 bytes


class SecurityLog:
    """The file, held open for whoever writes it; use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file, and cut a torn line off. Raises: OSError, also where somebody else writes it."""
        self.path, self._position = path, path.with_name(f".{path.name}.position")
        self._descriptor = self._opened()
        self.next_index = max(self._noted(), next_sequence(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def follow(self, connection: psycopg.Connection, chosen: Chosen) -> bool:
        """Write what has its place by now, a batch at most; say whether there may be more. Raises: OSError."""
        size = log_head(connection).size
        end = min(size, self.next_index + ENTRIES_AT_ONCE)
        for stop, lines in ocsf_lines(connection, self.next_index, end, chosen):
            self._append(lines)
            self.next_index = stop
            write_durably(self._position, f"{stop}\n".encode(), mode=MODE)
        return end < size

    def _append(self, lines: Sequence[bytes]) -> None:
        if self._was_moved():
            fresh = self._opened()
            os.close(self._descriptor)
            self._descriptor = fresh
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)

    def _opened(self) -> int:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            cut_torn_line(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _was_moved(self) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return True
        held = os.fstat(self._descriptor)
        return (now.st_dev, now.st_ino) != (held.st_dev, held.st_ino)

    def _noted(self) -> int:
        try:
            return int(self._position.read_text())
        except (FileNotFoundError, ValueError):
            return 0


def cut_torn_line(descriptor: int) -> None:
    """Cut off what stands behind the last line's end: a crash, or a full disk, left it."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL_BYTES)
    tail = os.pread(descriptor, size - start, start)
    if not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def next_sequence(path: Path) -> int:
    """Give the index behind that of the last whole line; 0 without one. Raises: OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            return int(json.loads(line)["metadata"]["sequence"]) + 1
        except (ValueError, KeyError, TypeError):
            continue  # somebody else's
    return 0

"""A log file that is followed: through rotation, truncation and re-creation, from a place near its end.

Nothing is asked of the writer. A file that was renamed or deleted is read to its end before the one that stands in its
place; what was put aside meanwhile is read in between. A file that became shorter, or whose bytes before our place are
others than we read, was truncated, and is read from its beginning.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from diagnostics.probes.log_places import LINES_WITHOUT_STAMPS, starting_place
from diagnostics.probes.log_source import Start
from diagnostics.probes.logs import rotated
from diagnostics.stack.files import NotRegularFile, regular_descriptor

READ_BYTES = 65_536
REMEMBERED_BYTES = 64  # before our place, to tell a file that was truncated and grew again
QUIET_READS = 3  # a writer may go on for a moment in a file that was renamed
GONE_READS = 20


class FollowedFile:
    """One log file; use `read` again and again. Not followed, it ends where it ended when it was opened."""

    def __init__(self, path: Path, *, start: Start, is_followed: bool = True) -> None:
        self._path = path
        self._is_followed = is_followed
        self._size = 0  # when it was opened
        self.is_found = False
        self._start: Start | None = start  # until the first file is open
        self._descriptor = -1
        self._place = 0
        self._before = b""
        self._quiet_reads = 0
        self._ends_in_line = False
        self._waiting: deque[Path] = deque(_put_aside(path, start))
        self._notes: list[str] = []
        self._told = ""

    @property
    def name(self) -> str:
        """Give the file's path."""
        return str(self._path)

    def happened(self) -> list[str]:
        """Give, once, what happened to the file."""
        notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def read(self) -> bytes:
        """Give the next bytes, b"" where nothing is there now."""
        if self._descriptor < 0 and not self._open_next():
            return b""
        try:
            self._notice_truncation()
            data = os.pread(self._descriptor, self._wanted(), self._place)
        except OSError as error:
            self._tell(f"{self._path} cannot be read: {error.strerror}")
            self.close()
            return b""
        if data:
            self._quiet_reads = 0
            return self._taken(data)
        self._quiet_reads += 1
        return self._go_on()

    def _wanted(self) -> int:
        return READ_BYTES if self._is_followed else max(min(READ_BYTES, self._size - self._place), 0)

    def _taken(self, data: bytes) -> bytes:
        self._place += len(data)
        self._before = (self._before + data)[-REMEMBERED_BYTES:]
        self._ends_in_line = not data.endswith(b"\n")
        return data

    def _go_on(self) -> bytes:
        """At the end of a file: change to the next one where there is one, and end the line that the last one left."""
        if self._waiting:
            return self._leave() or self.read()
        if not self._is_followed or self._quiet_reads < QUIET_READS or not self._is_replaced():
            return b""
        own = os.fstat(self._descriptor)
        self._waiting.extend(_put_aside_since(self._path, own))
        self._tell(f"{self._path} was rotated or made anew")
        return self._leave()

    def _leave(self) -> bytes:
        self.close()
        self._told = ""
        ending, self._ends_in_line = b"\n" if self._ends_in_line else b"", False
        return ending

    def _is_replaced(self) -> bool:
        """Tell whether another file stands in the place of ours, and something in it; until then ours may go on."""
        try:
            there = self._path.stat()
        except OSError:  # gone, or between two steps of a rotation
            if self._quiet_reads >= GONE_READS:
                self._tell(f"{self._path} is gone; what is still written into it is shown", once=True)
            return False
        own = os.fstat(self._descriptor)
        is_other = (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)
        return is_other and stat.S_ISREG(there.st_mode) and there.st_size > 0

    def _notice_truncation(self) -> None:
        size = os.fstat(self._descriptor).st_size
        before = os.pread(self._descriptor, len(self._before), self._place - len(self._before)) if self._before else b""
        if size >= self._place and before == self._before:
            return
        self._tell(f"{self._path} was truncated")
        self._place, self._before = 0, b""

    def _open_next(self) -> bool:
        path = self._waiting.popleft() if self._waiting else self._path
        try:
            self._descriptor = regular_descriptor(path)
        except FileNotFoundError:
            self._tell(f"{path} does not exist (yet)", once=True)
        except NotRegularFile as refusal:
            self._tell(str(refusal), once=True)
        except OSError as error:
            self._tell(f"{path} cannot be read: {error.strerror}", once=True)
        if self._descriptor < 0:
            return False
        self.is_found, self._size = True, os.fstat(self._descriptor).st_size
        self._place, self._quiet_reads, self._told = self._first_place(), 0, ""
        size = min(self._place, REMEMBERED_BYTES)
        self._before = os.pread(self._descriptor, size, self._place - size)
        return True

    def _first_place(self) -> int:
        """Begin where was asked for in what is there at the beginning; whatever comes later is read whole."""
        if self._start is None:
            return 0
        place = starting_place(self._descriptor, self._start)
        if not place.has_stamps:
            self._tell(f"the lines of {self._path} bear no time; its last {LINES_WITHOUT_STAMPS} are shown")
        if not self._waiting:
            self._start = None
        return place.position

    def _tell(self, note: str, *, once: bool = False) -> None:
        if not once or note != self._told:
            self._notes.append(note)
        self._told = note if once else self._told


def _put_aside(path: Path, start: Start) -> list[Path]:
    """Give what a rotation put aside within the window that was asked for, oldest first."""
    return rotated(path, since=start.since)[0] if start.since else []


def _put_aside_since(path: Path, own: os.stat_result) -> list[Path]:
    """Give the files that were put aside after the one that we had open: it may have been rotated more than once."""
    files = []
    for sibling in rotated(path, since=datetime.fromtimestamp(own.st_mtime, UTC))[0]:
        with suppress(OSError):
            about = sibling.stat()
            if about.st_ino != own.st_ino and about.st_mtime_ns > own.st_mtime_ns:
                files.append(sibling)
    return files

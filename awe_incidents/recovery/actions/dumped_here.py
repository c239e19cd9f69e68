"""The file of a dump on this machine, looked at through a handle of its folder; no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from awe_incidents.recovery.actions.dump_places import Part
from awe_incidents.recovery.actions.ended import Ended
from awe_incidents.recovery.actions.new_file import checksum_of, is_held, is_there, part_of
from awe_incidents.recovery.actions.pg_programs import pg_program
from awe_incidents.recovery.actions.without_links import folder_handle
from diagnostics.stack import Database

LIST_SECONDS = 600.0
MAX_NOTE_BYTES = 1_000
READS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FileHere:
    """A file in a folder of this machine that is held open; no link is followed."""

    database: Database
    folder: int
    name: str

    def is_there(self) -> bool:
        """Look for the name."""
        return is_there(self.folder, self.name)

    def part(self) -> Part:
        """See whether it is there, and whether anybody holds it."""
        with suppress(FileNotFoundError), self._handle(part_of(self.name)) as handle:
            return Part.MAY_BE_WRITTEN if is_held(handle) else Part.LEFT
        return Part.NONE

    def checksum(self) -> str:
        """Calculate it from the file as it is now."""
        with suppress(OSError), self._handle(self.name) as handle:
            return checksum_of(handle)
        return ""

    def noted_checksum(self) -> str:
        """Read the file beside it."""
        with suppress(OSError), self._handle(f"{self.name}.sha256") as handle:
            return next(iter(os.pread(handle, MAX_NOTE_BYTES, 0).decode(errors="replace").split()), "")
        return ""

    def size_bytes(self) -> int:
        """Ask the kernel."""
        with suppress(OSError), self._handle(self.name) as handle:
            return os.fstat(handle).st_size
        return 0

    def is_listed(self) -> bool:
        """Ask pg_restore."""
        with self._handle(self.name) as handle:
            return listed(self.database, handle, lambda: None).code == 0

    def head(self, count: int) -> bytes:
        """Read its beginning."""
        with self._handle(self.name) as handle:
            return os.pread(handle, count, 0)

    def tail(self, count: int) -> bytes:
        """Read its end."""
        with self._handle(self.name) as handle:
            return tail_of(handle, count)

    @contextmanager
    def opened(self, *, size_bytes: int) -> Iterator[BinaryIO | None]:
        """Open it, however large it is."""
        with self._handle(self.name) as handle, open(handle, "rb", closefd=False) as file:
            yield file

    @contextmanager
    def _handle(self, name: str) -> Iterator[int]:
        handle = os.open(name, READS, dir_fd=self.folder)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(0, f"{name} is no regular file")
            yield handle
        finally:
            os.close(handle)


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """Open the folder of a file, none of whose parts may be a link. Raises: OSError."""
    with ExitStack() as closing:
        above = folder_handle(path.parent, closing)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
        closing.callback(os.close, folder)
        yield folder


def listed(database: Database, handle: int, check: Callable[[], None]) -> Ended:
    """Let pg_restore list an open file. Raises: ActionNotApplicable, TimeoutError, and what `check` does."""
    os.lseek(handle, 0, os.SEEK_SET)
    return pg_program(database, "pg_restore").run("--list", content=handle, seconds=LIST_SECONDS, check=check)


def tail_of(handle: int, count: int) -> bytes:
    """Give the last bytes of an open file."""
    return os.pread(handle, count, max(os.fstat(handle).st_size - count, 0))

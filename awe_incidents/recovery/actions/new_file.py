"""A file of this machine that has its name only when it is whole: written beside it, once, with a checksum.

`.NAME.part` is created exclusively and locked (flock) while anybody writes it, this worker or a program that it
started: so one that nobody holds is what a worker left behind that is gone. `NAME.sha256` is created exclusively, as
`sha256sum -c` reads it, and NAME is a link to the part, which never takes the place of what is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from awe_incidents.recovery.actions.base import ActionFailed

MODE = 0o600
PIECE_BYTES = 16_000_000
EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class NewFile:
    """The part, open; `folder` is a handle of its folder."""

    folder: int
    name: str
    handle: int

    def checksum(self, *, check: Callable[[], None]) -> str:
        """Bring all of it onto the disk, and calculate its SHA-256. Raises: OSError, and what `check` does."""
        os.fsync(self.handle)
        return checksum_of(self.handle, check=check)

    def give_name(self, checksum: str) -> None:
        """Write the checksum beside it and give it its name.

        Raises: ActionFailed (nothing of it is left), OSError (it has its name, and may not have it after a power cut).
        """
        note = f"{self.name}.sha256"
        with _nothing_left(self.name):
            handle = os.open(note, EXCLUSIVE | os.O_WRONLY, MODE, dir_fd=self.folder)
        try:
            with _nothing_left(self.name):
                with os.fdopen(handle, "w") as file:
                    file.write(f"{checksum}  {self.name}\n")
                    file.flush()
                    os.fsync(handle)
                if not _is_it(self.folder, part_of(self.name), self.handle):
                    raise ActionFailed(f"{part_of(self.name)} is another file than the one that was written")
                os.link(
                    part_of(self.name),
                    self.name,
                    src_dir_fd=self.folder,
                    dst_dir_fd=self.folder,
                    follow_symlinks=False,
                )
        except ActionFailed:
            os.unlink(note, dir_fd=self.folder)
            raise
        os.fsync(self.folder)


@contextmanager
def new_file(folder: int, name: str) -> Iterator[NewFile]:
    """Create the part of a file that is not there yet, and remove it afterwards; what got its name stays.

    Raises: ActionFailed, where the file or its part is there.
    """
    part = part_of(name)
    with _nothing_left(name):
        try:
            handle = os.open(part, EXCLUSIVE | os.O_RDWR, MODE, dir_fd=folder)
        except FileExistsError:
            raise ActionFailed(f"an unfinished {part} is there") from None
    try:
        with _nothing_left(name):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_there(folder, name):
                raise ActionFailed(f"{name} is there already")
        yield NewFile(folder, name, handle)
    finally:
        if _is_it(folder, part, handle):
            os.unlink(part, dir_fd=folder)
        os.close(handle)


def part_of(name: str) -> str:
    """Give the name of the unfinished file."""
    return f".{name}.part"


def is_there(folder: int, name: str) -> bool:
    """Say whether anything has that name, be it a link to nowhere."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_held(handle: int) -> bool:
    """Say whether somebody writes an unfinished file now. Raises: OSError."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def checksum_of(handle: int, *, check: Callable[[], None] = lambda: None) -> str:
    """Calculate the SHA-256 of an open file from its beginning. Raises: OSError, and what `check` does."""
    digest, offset = hashlib.sha256(), 0
    while piece := os.pread(handle, PIECE_BYTES, offset):
        digest.update(piece)
        offset += len(piece)
        check()
    return digest.hexdigest()


def _is_it(folder: int, name: str, handle: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(handle))
    return False


@contextmanager
def _nothing_left(name: str) -> Iterator[None]:
    """Say in one way that a file was not made."""
    try:
        yield
    except FileExistsError as error:
        raise ActionFailed(f"{error.filename2 or error.filename} is there already") from None
    except OSError as error:
        raise ActionFailed(f"{name} was not made: {error.strerror}") from None

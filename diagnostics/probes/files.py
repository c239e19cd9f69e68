"""Probe of files: only regular files are opened, never a FIFO, device or folder, and never more than was asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.stack.files import NotRegularFile, regular_descriptor


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, unbuffered and without waiting for anybody.

    Raises: FileUnusable (codes missing, not_regular, unreadable), NotPermitted.
    """
    try:
        descriptor = regular_descriptor(path)
    except OSError as error:
        raise refused(path, error) from None
    except NotRegularFile as refusal:
        raise FileUnusable("not_regular", str(refusal)) from None
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  a descriptor, not a path
        yield file


def read_bounded(path: Path, *, max_bytes: int) -> bytes:
    """Read a whole small file.

    Raises: FileUnusable (codes missing, not_regular, unreadable, too_large), NotPermitted.
    """
    with opened(path) as file:
        data = bytearray()
        while len(data) <= max_bytes:
            try:
                chunk = file.read(min(65536, max_bytes + 1 - len(data)))
            except OSError as error:
                raise refused(path, error) from None
            if not chunk:
                return bytes(data)
            data += chunk
    raise FileUnusable("too_large", f"{path} is larger than {max_bytes} bytes")


def stat_line(path: Path) -> str:
    """Say mode, owner, size and time of a file in one line, following links; never its content.

    Raises: FileUnusable, NotPermitted.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise refused(path, error) from None
    owner = f"uid {about.st_uid} gid {about.st_gid}"
    return f"{stat.filemode(about.st_mode)} {owner} {about.st_size} bytes mtime {about.st_mtime:.0f} {path}"


def mode_of(path: Path) -> os.stat_result:
    """Give the stat of a file, following links.

    Raises: FileUnusable, NotPermitted.
    """
    try:
        return path.stat()
    except OSError as error:
        raise refused(path, error) from None


def refused(path: Path, error: OSError) -> FileUnusable | NotPermitted:
    """Sort what the system said of a path: FileUnusable (codes missing, hangs, unreadable) or NotPermitted."""
    if isinstance(error, PermissionError):
        return NotPermitted(f"{path} may not be read by the user that checks (uid {os.geteuid()})", target=str(path))
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileUnusable("missing", f"{path} does not exist")
    if isinstance(error, TimeoutError):
        return FileUnusable("hangs", f"{path} cannot be looked at: its disk does not answer")
    return FileUnusable("unreadable", f"{path} cannot be read: {error.strerror}")

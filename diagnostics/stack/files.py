"""Open files that somebody else names: regular ones only, and without waiting for anybody."""

from __future__ import annotations

import os
import stat
from pathlib import Path

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class NotRegularFile(Exception):
    """What lies there could hang or never end; the message names its kind."""


def regular_descriptor(path: Path) -> int:
    """Open a regular file for reading and give its descriptor.

    Raises: NotRegularFile, OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise NotRegularFile(f"{path} is {KINDS.get(stat.S_IFMT(mode), 'something else')}, not a regular file")


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """Give a small file, at most one byte more than `max_bytes` of it.

    Raises: NotRegularFile, OSError.
    """
    with open(regular_descriptor(path), "rb") as file:
        return file.read(max_bytes + 1)

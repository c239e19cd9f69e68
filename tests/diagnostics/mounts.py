"""Real file systems for tests that root may mount: small ones, and one that never answers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MNT_DETACH = 2


def _mount(where: Path, kind: str, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(kind.encode(), str(where).encode(), kind.encode(), 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {kind}")


@contextlib.contextmanager
def small_disk(*, size: str = "4m", inodes: int = 1000) -> Iterator[Path]:
    """Give an empty file system of a few megabytes."""
    with _mounted("tmpfs", f"size={size},nr_inodes={inodes}") as folder:
        yield folder


@contextlib.contextmanager
def dead_disk() -> Iterator[Path]:
    """Give a file system whose server takes every question and never answers, as a network mount without network."""
    server = os.open("/dev/fuse", os.O_RDWR)
    try:
        with _mounted("fuse", f"fd={server},rootmode=40000,user_id=0,group_id=0") as folder:
            yield folder
    finally:
        os.close(server)  # lets go of everybody who waits


@contextlib.contextmanager
def _mounted(kind: str, options: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="awe-mount-") as name:
        folder = Path(name)
        _mount(folder, kind, options)
        try:
            yield folder
        finally:
            ctypes.CDLL(None).umount2(name.encode(), MNT_DETACH)


def remount_read_only(folder: Path) -> None:
    """Do what the kernel does after an error of the disk."""
    libc = ctypes.CDLL(None, use_errno=True)
    ms_rdonly, ms_remount = 1, 32
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", ms_rdonly | ms_remount, b"") != 0:
        raise OSError(ctypes.get_errno(), "cannot remount")


@cache
def may_mount() -> bool:
    """Say whether this user may; where not, what needs it is not collected."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        return False
    try:
        with small_disk(), dead_disk():
            return True
    except OSError:
        return False

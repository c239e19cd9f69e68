"""Files that are whole, or not there, whatever happens in between: a crash, a full disk, a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write beside, have it stored, rename, and have the name stored; raises OSError, and the old content stays."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    store_names(path.parent)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder, and those above it, where there are none, and have their names stored; raises OSError."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    for one in missing:
        store_names(one.parent)


def store_names(folder: Path) -> None:
    """Have the names in a folder stored; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

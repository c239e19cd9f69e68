"""Probe of what a process holds open, by /proc/PID/fd."""

from __future__ import annotations

import stat
from pathlib import Path

from diagnostics.probes.filesystems import Entry

DELETED = " (deleted)"


def deleted_files(pid: int, *, device: int) -> list[Entry]:
    """Give files of a file system that a process holds open though their names are gone, the largest first.

    They take room that no listing shows. A process that ended, or that this user may not look into, gives none.
    """
    found: dict[tuple[int, int], Entry] = {}
    folder = Path("/proc") / str(pid) / "fd"
    try:
        links = list(folder.iterdir())
    except OSError:
        return []
    for link in links:
        try:
            name, about = str(link.readlink()), link.stat()
        except OSError:
            continue
        if name.endswith(DELETED) and stat.S_ISREG(about.st_mode) and about.st_dev == device:
            found[about.st_dev, about.st_ino] = Entry(Path(name.removesuffix(DELETED)), about.st_blocks * 512)
    return sorted(found.values(), key=lambda entry: -entry.size_bytes)

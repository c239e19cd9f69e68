"""Probe of what a process holds open and how many it is: /proc/PID/fd, its limits, and the pids cgroup around it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import read_bounded
from diagnostics.probes.filesystems import Entry

DELETED = " (deleted)"
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
STATUS_BYTES = 100_000
OPEN_FILES, PROCESSES = "Max open files", "Max processes"


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, and how many there may be (None: no limit)."""

    used: int
    limit: int | None

    @property
    def percent(self) -> float:
        """Give the used share of the limit, 0 without one."""
        return 100 * self.used / self.limit if self.limit else 0.0


def open_files(pid: int) -> Count:
    """Give how many descriptors a process has open, and its soft limit, at which the next open fails.

    Raises: ProcessUnknown (code pid_file.stale), NotPermitted.
    """
    folder = PROC / str(pid) / "fd"
    try:
        used = folder.stat().st_size or sum(1 for _ in os.scandir(folder))  # the kernel counts since Linux 6.2
    except PermissionError:
        raise NotPermitted(f"the open files of process {pid} may not be seen", target=str(folder)) from None
    except OSError:
        raise ProcessUnknown("pid_file.stale", f"process {pid} has just ended") from None
    return Count(used, _limit(pid, OPEN_FILES))


def threads(pid: int) -> int:
    """Give how many threads a process has, 0 where it has ended."""
    return int(_status(pid).get("Threads", "0"))


def threads_of_its_user(pid: int) -> Count | None:
    """Give the threads of everybody who shares a process's user, and its limit for them; None where none counts.

    The limit does not bind a process that may pass it (root, that is).
    """
    limit, owner = _limit(pid, PROCESSES), _status(pid).get("Uid", "").split()
    if limit is None or not owner or owner[0] == "0":
        return None
    others = (_status(int(one.name)) for one in PROC.iterdir() if one.name.isdigit())
    used = sum(int(one.get("Threads", "0")) for one in others if one.get("Uid", "").split()[:1] == owner[:1])
    return Count(used, limit)


def pids_of_its_cgroup(pid: int) -> Count | None:
    """Give the fullest pids cgroup around a process, or None where none has a limit."""
    counts = [count for folder in _cgroups(pid) if (count := _pids(folder)) is not None]
    return max(counts, key=lambda count: count.percent, default=None)


def _cgroups(pid: int) -> Iterator[Path]:
    """Give the folders of a process's pids cgroup, and those above it: each may have a limit."""
    try:
        lines = read_bounded(PROC / str(pid) / "cgroup", max_bytes=STATUS_BYTES).decode(errors="replace").splitlines()
    except (FileUnusable, NotPermitted):
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        top = CGROUPS if not controllers else CGROUPS / "pids" if "pids" in controllers.split(",") else None
        if top is not None:
            folder = top / place.lstrip("/")
            yield from (one for one in (folder, *folder.parents) if one.is_relative_to(top))


def _pids(folder: Path) -> Count | None:
    try:
        limit = (folder / "pids.max").read_text().strip()
        used = int((folder / "pids.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else Count(used, int(limit))


def _limit(pid: int, name: str) -> int | None:
    """Give a soft limit of a process, None where there is none or it has ended."""
    try:
        text = read_bounded(PROC / str(pid) / "limits", max_bytes=STATUS_BYTES).decode()
    except (FileUnusable, NotPermitted):
        return None
    line = next((one for one in text.splitlines() if one.startswith(name)), name + " unlimited")
    soft = line.removeprefix(name).split()[0]
    return None if soft == "unlimited" else int(soft)


def _status(pid: int) -> dict[str, str]:
    try:
        text = read_bounded(PROC / str(pid) / "status", max_bytes=STATUS_BYTES).decode(errors="replace")
    except (FileUnusable, NotPermitted):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def deleted_files(pid: int, *, device: int) -> list[Entry]:
    """Give files of a file system that a process holds open though their names are gone, the largest first.

    They take room that no listing shows. A process that ended, or that this user may not look into, gives none.
    """
    found: dict[tuple[int, int], Entry] = {}
    folder = PROC / str(pid) / "fd"
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

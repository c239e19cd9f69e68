"""Probe of file systems: their room in bytes and inodes. A dead mount never answers: ask with `probes.patience`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from diagnostics.probes.files import refused

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One mounted file system; what root alone may use counts as used, as `df` shows it."""

    device: int
    mount_point: str
    kind: str  # ext4, tmpfs ...; "" where not known
    used_bytes: int
    available_bytes: int  # to an ordinary user
    used_inodes: int
    available_inodes: int
    has_inodes: bool  # some make them as they need them
    is_read_only: bool

    @property
    def bytes_percent(self) -> float:
        """Give the used share of what ordinary users can use, as `df` does."""
        return _percent(self.used_bytes, self.available_bytes)

    @property
    def inodes_percent(self) -> float:
        """Give the used share of the inodes, 0 where there is no limit."""
        return _percent(self.used_inodes, self.available_inodes) if self.has_inodes else 0.0


def file_system_of(path: Path) -> FileSystem:
    """Give the file system on which a path lies, following links.

    Raises: FileUnusable (codes missing, unreadable), NotPermitted.
    """
    try:
        about, room = path.stat(), os.statvfs(path)
        mount_point, kind = _mounted_at(os.path.realpath(path))
    except OSError as error:
        raise refused(path, error) from None
    return FileSystem(
        device=about.st_dev,
        mount_point=mount_point,
        kind=kind,
        used_bytes=(room.f_blocks - room.f_bfree) * room.f_frsize,
        available_bytes=room.f_bavail * room.f_frsize,
        used_inodes=room.f_files - room.f_ffree,
        available_inodes=room.f_favail,
        has_inodes=room.f_files > 0,
        is_read_only=bool(room.f_flag & os.ST_RDONLY),
    )


def _mounted_at(real_path: str) -> tuple[str, str]:
    """Give mount point and kind: the longest mount point above the path, of equal ones the last mounted."""
    best, kind = "", ""
    for line in MOUNTS.read_text(errors="replace").splitlines():
        left, _, right = line.partition(" - ")
        point = ESCAPED.sub(lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        if len(point) >= len(best) and (real_path == point or real_path.startswith(point.rstrip("/") + "/")):
            best, kind = point, right.partition(" ")[0]
    return best or "/", kind


def _percent(used: int, available: int) -> float:
    return 100 * used / (used + available) if used + available > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A file and its bytes on disk."""

    path: Path
    size_bytes: int


def largest_files(folder: Path, *, at_most: int, entries: int = 5000) -> list[Entry]:
    """Give the largest regular files right below a folder, looking at no more than `entries`; none if it is none."""
    found: list[Entry] = []
    try:
        with os.scandir(folder) as listing:
            for _, one in zip(range(entries), listing, strict=False):
                if one.is_file(follow_symlinks=False):
                    found.append(Entry(Path(one.path), one.stat(follow_symlinks=False).st_blocks * 512))
    except OSError:
        return []
    return sorted(found, key=lambda entry: -entry.size_bytes)[:at_most]

"""PRF-03: room, in bytes and in inodes, on every file system that the stack writes to.

Looked at are the folders of `[host] paths` (data, logs, backups), those of the services' log files, and /dev/shm, where
PostgreSQL keeps what parallel queries share; of containers, their own layer and every mount that they may write to.
Each file system is judged once, however many folders lie on it, and its share is counted as `df` does: what only root
may use is used up. Pass: `disk.room`. Warn: `disk.bytes` and `disk.inodes` at 90 % (check_postgres disk_space,
django-health-check DISK_USAGE_MAX), `disk.missing` (a described folder is not there). Fail: the first two at 95 %
(check_postgres), `disk.read_only` (as after an error of the disk; nothing can be written), `disk.hangs` (no answer in 3
s [ours]: a dead network mount). Thresholds: bytes_percent, bytes_fail_percent, inodes_percent, inodes_fail_percent,
answer_seconds. Above a limit the evidence names the largest files of the described folders, and files that a service
still holds open though they are deleted: they take room that `du` does not show. The guide's `docker stats` shows no
disk at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.disks_inside import file_systems_inside
from diagnostics.checks.each import could_not_look
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.written import written_folders
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.descriptors import deleted_files
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import refused
from diagnostics.probes.filesystems import FileSystem, file_system_of, largest_files
from diagnostics.probes.host import family_of, process_of
from diagnostics.probes.patience import all_within
from diagnostics.stack import StackConfig

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  looked at, never written to
PERCENT = {"warn": 90.0, "fail": 95.0}
REFERENCE = "check_postgres disk_space"
ANSWER_SECONDS = 3.0
SHOWN_FILES = 5
UNITS = ("B", "kB", "MB", "GB", "TB")

Answers = Mapping[Path, FileSystem | Exception]


@dataclass(frozen=True, slots=True)
class Seen:
    """A file system and the stack's folders on it."""

    system: FileSystem
    folders: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Disk(Check):
    """Every file system that the stack writes to."""

    slug: ClassVar[str] = "performance.disk"
    title: ClassVar[str] = "The disks have room, in bytes and in inodes"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply to containers, and to processes of this host that say where they write."""
        if stack.vantage == "container":
            return None
        return None if written_folders(stack) else "the stack names neither [host] paths nor log_files"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask all folders at once, then judge each file system."""
        if seeing.surroundings.is_container:
            for system in file_systems_inside(seeing):
                yield from _judged(seeing, Seen(system, ()))
            return
        folders = [*written_folders(seeing.stack), *([SHARED_MEMORY] if SHARED_MEMORY.is_dir() else [])]
        limit = seeing.threshold("answer_seconds", ANSWER_SECONDS, unit="s")
        seconds = seeing.seconds_left(at_most=limit.value)
        answers = all_within(seconds, folders, file_system_of)
        for seen in _grouped(answers):
            yield from _judged(seeing, seen)
        for folder, answer in answers.items():
            if isinstance(answer, Exception):
                yield from _unusable(seeing, folder, answer, limit)


def _grouped(answers: Answers) -> Iterator[Seen]:
    """Give each file system once."""
    by_device: dict[int, list[tuple[Path, FileSystem]]] = {}
    for folder, answer in answers.items():
        if isinstance(answer, FileSystem):
            by_device.setdefault(answer.device, []).append((folder, answer))
    for found in by_device.values():
        yield Seen(found[0][1], tuple(folder for folder, _ in found))


def _judged(seeing: Seeing, seen: Seen) -> Iterator[Finding]:
    system = seen.system
    shares = {"bytes": system.bytes_percent, "inodes": system.inodes_percent}
    limits = {name: _limit(seeing, name, percent) for name, percent in shares.items()}
    is_short = any(limits.values()) and not system.is_read_only
    cited = (_keep(seeing, seen, is_short=is_short),)
    before = seeing.baseline.last(_key(system))
    seeing.learn(_key(system), system.used_bytes)
    if system.is_read_only:
        text = f"{system.mount_point} is mounted read-only: nothing can be written to {_named(seen.folders)}"
        yield _finding(seen, State.FAIL, "disk.read_only", text, cited)
        return
    for name, percent in shares.items():
        if limit := limits[name]:
            grown = _growth(before, system.used_bytes) if name == "bytes" else ""
            text = f"{system.mount_point} uses {percent:.1f} % of its {name} ({_left(system, name)} left{grown})"
            state = State.FAIL if "fail" in limit.name else State.WARN
            yield _finding(seen, state, f"disk.{name}", text, cited, threshold=limit)
    if not is_short:
        text = f"{system.mount_point} uses {shares['bytes']:.1f} % of its bytes and {shares['inodes']:.1f} % of inodes"
        yield _finding(seen, State.PASS, "disk.room", text, cited)


def _limit(seeing: Seeing, name: str, percent: float) -> Threshold | None:
    """Give the limit that is passed, the higher one if both are."""
    warn = seeing.threshold(f"{name}_percent", PERCENT["warn"], unit="%", reference=REFERENCE)
    fail = seeing.threshold(f"{name}_fail_percent", PERCENT["fail"], unit="%", reference=REFERENCE)
    return next((limit for limit in (fail, warn) if percent >= limit.value), None)


def _finding(
    seen: Seen, state: State, code: str, text: str, cited: tuple[Citation, ...], *, threshold: Threshold | None = None
) -> Finding:
    system = seen.system
    return Finding(
        state=state,
        code=code,
        message=text,
        target=system.mount_point,
        measured={
            "bytes": Measurement(round(system.bytes_percent, 1), "%"),
            "available": Measurement(system.available_bytes, "B"),
            "inodes": Measurement(round(system.inodes_percent, 1) if system.has_inodes else None, "%"),
        },
        threshold=threshold,
        citations=cited,
    )


def _unusable(seeing: Seeing, folder: Path, answer: Exception, limit: Threshold) -> Iterator[Finding]:
    if isinstance(answer, NotPermitted):
        yield could_not_look(seeing, answer, target=str(folder))
        return
    error = refused(folder, answer) if isinstance(answer, TimeoutError) else answer
    if not isinstance(error, FileUnusable):
        raise error
    hangs = error.code == "hangs"
    if not hangs and not (seeing.stack.host and folder in seeing.stack.host.paths):
        return  # a log that is not there is the finding of startup.logs
    evidence = seeing.keep("file_stat", source=str(folder), content=[error.text])
    yield Finding(
        state=State.FAIL if hangs else State.WARN,
        code=f"disk.{error.code}",
        message=seeing.clean(error.text),
        target=str(folder),
        threshold=limit if hangs else None,
        citations=(evidence.whole(),),
    )


def _keep(seeing: Seeing, seen: Seen, *, is_short: bool) -> Citation:
    system = seen.system
    lines = [
        f"{system.mount_point} ({system.kind or 'unknown kind'}{', read-only' if system.is_read_only else ''})",
        f"bytes: {_size(system.used_bytes)} used, {_size(system.available_bytes)} left, {system.bytes_percent:.1f} %",
        f"inodes: {system.used_inodes} used, {system.available_inodes} left, {system.inodes_percent:.1f} %"
        if system.has_inodes
        else "inodes: made as needed",
        *(f"holds {folder}" for folder in seen.folders),
        *(_takers(seeing, seen) if is_short else ()),
    ]
    return seeing.keep("command", source=f"statvfs {system.mount_point}", content=lines).whole()


def _takers(seeing: Seeing, seen: Seen) -> Iterator[str]:
    """Say what takes the room: large files, and deleted ones that are still open."""
    found = [entry for folder in seen.folders for entry in largest_files(folder, at_most=SHOWN_FILES)]
    for entry in sorted(found, key=lambda entry: -entry.size_bytes)[:SHOWN_FILES]:
        yield f"large: {_size(entry.size_bytes)} {entry.path}"
    for name, service in seeing.stack.services.items():
        for pid in _pids(service.pid_file):
            for entry in deleted_files(pid, device=seen.system.device)[:SHOWN_FILES]:
                yield f"deleted, but held open by {name}: {_size(entry.size_bytes)} {entry.path}"


def _pids(pid_file: Path | None) -> Sequence[int]:
    if pid_file is None:
        return ()
    try:
        return [process.pid for process in family_of(process_of(pid_file))]
    except (ProcessUnknown, NotPermitted):
        return ()


def _key(system: FileSystem) -> str:
    return f"used {system.mount_point}"


def _growth(before: float | None, now: float) -> str:
    grown = now - before if before is not None else 0
    return f"; {_size(grown)} more than at the last good look" if grown > 0 else ""


def _left(system: FileSystem, name: str) -> str:
    return _size(system.available_bytes) if name == "bytes" else str(system.available_inodes)


def _size(size_bytes: float) -> str:
    value, unit = float(size_bytes), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}" if value < 1000 else f"{value:.0f} {UNITS[unit]}"


def _named(folders: Sequence[Path]) -> str:
    return ", ".join(os.fspath(folder) for folder in folders[:3]) + (" ..." if len(folders) > 3 else "")

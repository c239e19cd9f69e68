"""The processes of a container, as a shell in it sees them: who they are, what they hold open, and their limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from diagnostics.probes.descriptors import OPEN_FILES, PROCESSES, Count
from diagnostics.probes.permissions import READS_ALL, Identity

FIRST = 1
START = re.compile(r"[=+] \d+ -?\d+")
UNKNOWN = -1  # how many files a process has open, where the container's user may not see it
# What starts a service and stays above it: it is not the service itself.
STARTERS = frozenset(
    {"docker-init", "tini", "dumb-init", "catatonit", "s6-svscan", "runsvdir", "sh", "bash", "dash", "ash", "busybox"}
)


@dataclass(frozen=True, slots=True)
class ContainerProcess:
    """A process by its number in the container."""

    pid: int
    open_files: Count | None  # None where the container's user may not see it
    fields: dict[str, str] = field(repr=False)  # of /proc/PID/status
    thread_limit: int | None  # of all processes of its user; None without one
    is_ours: bool = False  # the shell that looks

    @property
    def name(self) -> str:
        """Its program, as the kernel names it."""
        return self.fields.get("Name", "")

    @property
    def parent(self) -> int:
        """The process that started it."""
        return int(self.fields.get("PPid") or 0)

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(self.fields.get("Threads") or 0)

    @property
    def uid(self) -> int:
        """Its user."""
        return int(self.fields["Uid"].split()[1])

    def identity(self, *, started_as: int) -> Identity:
        """Give who it is where files are concerned; `started_as` is the user that the container starts as."""
        return Identity(
            uid=self.uid,
            gid=int(self.fields["Gid"].split()[1]),
            groups=frozenset(map(int, self.fields.get("Groups", "").split())),
            reads_all=bool(int(self.fields.get("CapEff") or "0", 16) & READS_ALL),
            has_dropped=self.uid != started_as,
        )

    def __str__(self) -> str:
        """Give `process 7 (python, uid 0)`."""
        return f"process {self.pid} ({self.name}, uid {self.uid})"


def parse_processes(output: bytes) -> list[ContainerProcess]:
    """Read what `programs.PROCESSES` prints, the lowest number first; one that ended meanwhile is left out."""
    return sorted(_parsed(output.decode(errors="replace").splitlines()), key=lambda one: one.pid)


class Relative(Protocol):
    """A process by its number, its program and what started it."""

    @property
    def pid(self) -> int:
        """Its number in the container."""

    @property
    def name(self) -> str:
        """Its program, as the kernel names it."""

    @property
    def parent(self) -> int:
        """The process that started it."""


P = TypeVar("P", bound=Relative)


def main_process(processes: Sequence[P]) -> P | None:
    """Give the process that is the service: the first, or what it started where it is an init or a shell."""
    one = next((process for process in processes if process.pid == FIRST), None)
    while one is not None and one.name in STARTERS:
        child = next((process for process in processes if process.parent == one.pid and process.pid != one.pid), None)
        if child is None:
            break
        one = child
    return one


def _parsed(lines: Sequence[str]) -> Iterator[ContainerProcess]:
    starts = [number for number, line in enumerate(lines) if START.fullmatch(line)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        mark, pid, opened = lines[start].split()
        fields = dict(line.split(":", 1) for line in lines[start + 1 : end] if ":" in line)
        limits = {name: _limit(lines[start + 1 : end], name) for name in (OPEN_FILES, PROCESSES)}
        if {"Uid", "Gid", "Threads"} <= fields.keys():
            used = int(opened)
            yield ContainerProcess(
                pid=int(pid),
                open_files=None if used == UNKNOWN else Count(used, limits[OPEN_FILES]),
                fields={name: value.strip() for name, value in fields.items()},
                thread_limit=limits[PROCESSES],
                is_ours=mark == "+",
            )


def _limit(lines: Sequence[str], name: str) -> int | None:
    """Give a soft limit, None without one."""
    found = next((line.removeprefix(name).split() for line in lines if line.startswith(name)), [])
    return int(found[0]) if found and found[0].isdecimal() else None

"""Memory of a program: PSS, so that pages shared by its processes count once, over all that it started."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
SETTLE_SECONDS = 1.0


def program_memory(pid: int) -> float:
    """Give the megabytes (PSS) of a process and all its descendants; what ends meanwhile counts nothing."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return sum(map(_pss_bytes, [root.pid, *(child.pid for child in root.children(recursive=True))])) / MEGABYTE
    return 0.0


def settled_memory(pid: int) -> float:
    """Give the middle of three looks at a program that has nothing to do."""
    time.sleep(SETTLE_SECONDS)
    return statistics.median(_paused_look(pid) for _ in range(3))


def peak_memory(pid: int, *, until: Callable[[], bool]) -> float:
    """Look again and again until something is done, and give the most that was seen."""
    most = program_memory(pid)
    while not until():
        time.sleep(0.05)
        most = max(most, program_memory(pid))
    return most


def _paused_look(pid: int) -> float:
    time.sleep(0.1)
    return program_memory(pid)


def _pss_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    line = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(line.split()[1]) * 1024

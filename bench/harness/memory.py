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
PAUSE_SECONDS = 0.05


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


def peak_memory(*pids: int, until: Callable[[], bool]) -> list[float]:
    """Look again and again at several programs until something is done, and give the most that was seen of each."""
    most = [program_memory(pid) for pid in pids]
    while not until():
        time.sleep(PAUSE_SECONDS)
        most = [max(one, program_memory(pid)) for one, pid in zip(most, pids, strict=True)]
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

"""Probe of the host's load: memory, swap, processors, and how much work waits for them (PSI), all of it from /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PRESSURE = Path("/proc/pressure")
COUNTERS = Path("/proc/vmstat")
RESOURCES = ("cpu", "memory", "io")
SOME, FULL = "some", "full"
LINE = re.compile(r"(some|full) .*?avg60=(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Load:
    """The host at one moment."""

    available_bytes: int
    total_bytes: int
    swap_percent: float
    swap_total_bytes: int
    load_five_minutes: float
    processors: int
    pressure: Mapping[str, Mapping[str, float]]  # by resource, then some or full: percent of the last minute
    killed_for_memory: int | None  # processes, since the host was started

    @property
    def load_per_processor(self) -> float:
        """Give the five-minute load for each processor."""
        return self.load_five_minutes / self.processors


def load_of_host() -> Load:
    """Look once; a kernel without pressure figures gives none."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Load(
        available_bytes=memory.available,
        total_bytes=memory.total,
        swap_percent=swap.percent,
        swap_total_bytes=swap.total,
        load_five_minutes=os.getloadavg()[1],
        processors=psutil.cpu_count() or 1,
        pressure={name: found for name in RESOURCES if (found := _pressure(PRESSURE / name))},
        killed_for_memory=_counter("oom_kill"),
    )


def _pressure(path: Path) -> dict[str, float]:
    try:
        text = path.read_text()
    except OSError:  # no such file before Linux 4.20; not supported where it is switched off
        return {}
    return {kind: float(percent) for kind, percent in LINE.findall(text)}


def _counter(name: str) -> int | None:
    try:
        lines = COUNTERS.read_text().splitlines()
    except OSError:
        return None
    return next((int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name), None)

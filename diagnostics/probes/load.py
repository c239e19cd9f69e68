"""Probe of a machine's load: memory, swap, processors, and how much work waits for them (PSI), all of it from /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PRESSURE = Path("/proc/pressure")
COUNTERS = Path("/proc/vmstat")
MEMORY_FILE, LOAD_FILE = Path("/proc/meminfo"), Path("/proc/loadavg")
RESOURCES = ("cpu", "memory", "io")
MACHINE_FILES = tuple(map(str, (MEMORY_FILE, LOAD_FILE, COUNTERS, *(PRESSURE / name for name in RESOURCES))))
SOME, FULL = "some", "full"
LINE = re.compile(r"(some|full) .*?avg60=(\d+(?:\.\d+)?)")
MEMORY = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """A machine at one moment."""

    available_bytes: int
    total_bytes: int
    swap_percent: float
    swap_total_bytes: int
    load_five_minutes: float
    processors: int
    pressure: Mapping[str, Mapping[str, float]]  # by resource, then some or full: percent of the last minute
    killed_for_memory: int | None  # processes, since the machine was started

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
        pressure={name: found for name in RESOURCES if (found := _pressure(_text(PRESSURE / name)))},
        killed_for_memory=_counter(_text(COUNTERS), "oom_kill"),
    )


def load_of_files(texts: Mapping[str, str], *, processors: int) -> Load | None:
    """Read what the files of `MACHINE_FILES` say on another machine, by their paths; None without its memory."""
    memory = {name: int(kilobytes) * 1024 for name, kilobytes in MEMORY.findall(texts.get(str(MEMORY_FILE), ""))}
    averages = texts.get(str(LOAD_FILE), "").split()
    if "MemAvailable" not in memory or len(averages) < 3:
        return None
    swap = memory.get("SwapTotal", 0)
    return Load(
        available_bytes=memory["MemAvailable"],
        total_bytes=memory.get("MemTotal", 0),
        swap_percent=round(100 * (swap - memory.get("SwapFree", 0)) / swap, 1) if swap else 0.0,
        swap_total_bytes=swap,
        load_five_minutes=float(averages[1]),
        processors=max(processors, 1),
        pressure={name: found for name in RESOURCES if (found := _pressure(texts.get(str(PRESSURE / name), "")))},
        killed_for_memory=_counter(texts.get(str(COUNTERS), ""), "oom_kill"),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # pressure: no such file before Linux 4.20; not supported where it is switched off
        return ""


def _pressure(text: str) -> dict[str, float]:
    return {kind: float(percent) for kind, percent in LINE.findall(text)}


def _counter(text: str, name: str) -> int | None:
    pairs = (line.partition(" ") for line in text.splitlines())
    return next((int(value) for key, _, value in pairs if key == name), None)

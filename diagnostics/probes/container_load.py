"""What a container has used of processors, memory and processes, read from one answer of the engine's stats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diagnostics.probes.descriptors import Count
from diagnostics.probes.timestamps import engine_time

DEFAULT_PERIOD_US = 100_000  # of the kernel's scheduler, where the container names none
NO_LIMIT = 2**62  # what cgroups of version 1 say where there is none
FREE_FILES, FILES_IN_USE = "inactive_file", "active_file"


@dataclass(frozen=True, slots=True)
class ContainerLoad:
    """The counters at one moment by the engine's clock, and the limits that they are held against."""

    at: datetime
    processor_seconds: float  # since the start
    processors: int  # of the engine's host
    allowed_processors: float | None  # None without a limit
    periods: int  # in which the container had work, since the start
    throttled_periods: int
    memory_bytes: int  # without cached files that nobody uses
    cached_bytes: int  # of these, files in use: the kernel takes them back where it must
    memory_limit_bytes: int | None  # of the container's own; None without one
    processes: Count

    @property
    def memory_without_cache_bytes(self) -> int:
        """Give what the kernel cannot take back."""
        return max(self.memory_bytes - self.cached_bytes, 0)


def container_load(stats: Mapping[str, Any], limits: Mapping[str, Any]) -> ContainerLoad | None:
    """Read an answer, and `HostConfig` of inspect; None where the container does not run (any more)."""
    at, processor = engine_time(str(stats.get("read", ""))), stats.get("cpu_stats") or {}
    total = (processor.get("cpu_usage") or {}).get("total_usage")
    if at is None or not total:
        return None
    throttling, memory = processor.get("throttling_data") or {}, stats.get("memory_stats") or {}
    pages = memory.get("stats") or {}
    processors = int(processor.get("online_cpus") or len(processor["cpu_usage"].get("percpu_usage") or ()) or 1)
    free_files = _pages(pages, FREE_FILES)
    usage = int(memory.get("usage") or 0)
    return ContainerLoad(
        at=at,
        processor_seconds=total / 1e9,
        processors=processors,
        allowed_processors=allowed_processors(limits, processors),
        periods=int(throttling.get("periods") or 0),
        throttled_periods=int(throttling.get("throttled_periods") or 0),
        memory_bytes=usage - free_files if free_files < usage else usage,  # as `docker stats` subtracts
        cached_bytes=_pages(pages, FILES_IN_USE),
        memory_limit_bytes=int(limits.get("Memory") or 0) or None,
        processes=_processes(stats.get("pids_stats") or {}),
    )


def allowed_processors(limits: Mapping[str, Any], processors: int) -> float | None:
    """Give how many processors a container may have at once, None where that is all there are."""
    allowed = float(processors)
    if quota := int(limits.get("CpuQuota") or 0):
        allowed = min(allowed, quota / (int(limits.get("CpuPeriod") or 0) or DEFAULT_PERIOD_US))
    if billionths := int(limits.get("NanoCpus") or 0):
        allowed = min(allowed, billionths / 1e9)
    if named := str(limits.get("CpusetCpus") or ""):
        allowed = min(allowed, sum(map(_count, named.split(","))))
    return allowed if 0 < allowed < processors else None


def _count(part: str) -> int:
    """Count the processors of `3` or `0-2`."""
    first, _, last = part.partition("-")
    return int(last or first) - int(first) + 1


def _pages(pages: Mapping[str, Any], name: str) -> int:
    """Give bytes of a kind of page: of the whole container by the names of cgroups of version 1, else of version 2."""
    return int(pages.get(f"total_{name}", pages.get(name)) or 0)


def _processes(counts: Mapping[str, Any]) -> Count:
    limit = int(counts.get("limit") or 0)
    return Count(int(counts.get("current") or 0), limit if 0 < limit < NO_LIMIT else None)

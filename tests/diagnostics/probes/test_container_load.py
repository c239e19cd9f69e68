"""Answers of the engine's stats as Docker 20.10 gave them (shortened), and what they come to."""

from __future__ import annotations

from typing import Any

import pytest

from diagnostics.probes.container_load import container_load
from diagnostics.probes.descriptors import Count

V1: dict[str, Any] = {
    "read": "2026-11-29T21:50:01.25Z",
    "pids_stats": {"current": 9, "limit": 18446744073709551615},
    "cpu_stats": {
        "cpu_usage": {"total_usage": 2_500_000_000, "percpu_usage": [1_500_000_000, 1_000_000_000]},
        "throttling_data": {"periods": 40, "throttled_periods": 10, "throttled_time": 5},
    },
    "memory_stats": {
        "usage": 60_000_000,
        "limit": 268435456,
        "stats": {"inactive_file": 1, "total_inactive_file": 10_000_000, "total_active_file": 4_000_000},
    },
}


def test_an_answer_of_cgroups_of_the_first_version() -> None:
    load = container_load(V1, {"Memory": 268435456, "NanoCpus": 1_500_000_000})
    assert load is not None
    assert (load.processor_seconds, load.processors, load.allowed_processors) == (2.5, 2, 1.5)
    assert (load.periods, load.throttled_periods) == (40, 10)
    assert (load.memory_bytes, load.memory_without_cache_bytes) == (50_000_000, 46_000_000)
    assert load.memory_limit_bytes == 268435456
    assert load.processes == Count(9, None)


def test_an_answer_of_cgroups_of_the_second_version() -> None:
    pages = {"inactive_file": 10_000_000, "active_file": 4_000_000, "anon": 40_000_000}
    processor = dict(V1["cpu_stats"], online_cpus=4)
    load = container_load(
        dict(V1, cpu_stats=processor, memory_stats={"usage": 60_000_000, "stats": pages}, pids_stats={"limit": 100}), {}
    )
    assert load is not None
    assert (load.processors, load.allowed_processors, load.memory_limit_bytes) == (4, None, None)
    assert load.memory_bytes == 50_000_000
    assert load.processes == Count(0, 100)


@pytest.mark.parametrize(
    "change", [{"read": "0001-01-01T00:00:00Z"}, {"cpu_stats": {"cpu_usage": {"total_usage": 0}}}, {"cpu_stats": None}]
)
def test_a_container_that_does_not_run_has_no_load(change: dict[str, Any]) -> None:
    assert container_load(V1 | change, {}) is None

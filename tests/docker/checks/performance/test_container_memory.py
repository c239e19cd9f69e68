from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import look
from tests.docker.checks.breaking import finding_of, without_engine
from tests.docker.checks.strays import STRAY, stray

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "performance.container_memory"
LIMITED: dict[str, Any] = {"mem_limit": "64m", "memswap_limit": "64m"}
# Takes memory until it has this share of its limit, by the kernel's own count, and keeps it.
GROWING = """
import os, sys, time
v2 = os.path.exists("/sys/fs/cgroup/memory.current")
folder = "/sys/fs/cgroup/" if v2 else "/sys/fs/cgroup/memory/"
usage, free = ("memory.current", "inactive_file") if v2 else ("memory.usage_in_bytes", "total_inactive_file")
def used():
    pages = dict(line.split() for line in open(folder + "memory.stat"))
    return int(open(folder + usage).read()) - int(pages[free])
kept = []
while used() < float(sys.argv[1]) * 64 * 2**20:
    kept.append(b"x" * 2**18)
print("ready")
time.sleep(600)
"""


def test_healthy(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    shows(HEALTHY, result)
    assert result.state is State.PASS, [one.message for one in result.findings]
    assert {one.target for one in result.findings} == {"store", "pool", "broker", "gateway", "runner", "door"}


def test_an_engine_that_never_answers_costs_its_deadline_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = look(SLUG, without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.ERROR, "engine.timeout")
    assert result.duration_ms < 9_000


def test_a_container_near_its_limit_fails_and_says_how_much_it_grew(lab: ComposeStack) -> None:
    with stray(lab, GROWING, "0.965", **LIMITED) as container:
        earlier = Baseline({f"used {container.name}": [20 * 2**20]})
        result = look(SLUG, read_stack(lab.description), baseline=earlier)
    shows(fault("a container is near its memory limit"), result)
    finding_of(result, "memory.near_limit", STRAY)
    assert "of 64 MiB" in result.leading.message
    assert "MiB more than at the last good look" in result.leading.message
    assert all(one.state is State.PASS for one in result.findings if one.target != STRAY)


def test_a_container_at_most_of_its_limit_warns(lab: ComposeStack) -> None:
    with stray(lab, GROWING, "0.86", **LIMITED):
        result = look(SLUG, read_stack(lab.description))
    shows(fault("a container has used most of its memory limit"), result)
    assert [(one.state, one.code) for one in result.findings if one.target == STRAY] == [
        (State.WARN, "memory.near_limit")
    ]


def test_a_container_without_a_limit_is_held_against_the_host(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    store = next(one for one in result.findings if one.target == "store")
    assert "of the host, as it has no limit of its own" in store.message
    assert store.measured["limit"].value is None

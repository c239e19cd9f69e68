from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
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

SLUG = "performance.container_cpu"
BURNING = "print('ready')\nwhile True: pass"
# Works for a moment of each period, and so is held back in most of them though it needs a part of its quota only.
IN_BURSTS = """
import time
print("ready")
while True:
    began = time.process_time()
    while time.process_time() - began < 0.025: pass
    time.sleep(0.18)
"""


def test_healthy(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    shows(HEALTHY, result)
    assert result.state is State.PASS, [one.message for one in result.findings]
    assert {one.target for one in result.findings} == {"store", "pool", "broker", "gateway", "runner", "door"}
    assert result.duration_ms < 10_000


def test_an_engine_that_never_answers_costs_its_deadline_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = look(SLUG, without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.ERROR, "engine.timeout")
    assert result.duration_ms < 9_000


def test_a_container_that_burns_all_of_its_quota_fails(lab: ComposeStack) -> None:
    with stray(lab, BURNING, nano_cpus=200_000_000):
        result = look(SLUG, read_stack(lab.description))
    shows(fault("a container uses all of its quota"), result)
    finding_of(result, "cpu.busy", STRAY)
    share, throttled = (result.leading.measured[name].value for name in ("share", "throttled"))
    assert isinstance(share, float)
    assert 95 <= share < 115
    assert isinstance(throttled, float)
    assert throttled > 50
    assert "of 0.2 processors" in result.leading.message
    assert all(one.state is State.PASS for one in result.findings if one.target != STRAY)


def test_a_container_that_its_quota_holds_back_again_and_again_warns(lab: ComposeStack) -> None:
    with stray(lab, IN_BURSTS, cpu_period=20_000, cpu_quota=5_000):
        result = look(SLUG, read_stack(lab.description))
    shows(fault("a quota holds a container back"), result)
    assert [(one.state, one.code) for one in result.findings if one.target == STRAY] == [(State.WARN, "cpu.throttled")]


def test_a_container_without_a_quota_is_at_most_a_warning(lab: ComposeStack) -> None:
    spinning = "import os\nfor _ in range(os.cpu_count() * 2 - 1):\n    if not os.fork(): break\n" + BURNING
    with stray(lab, spinning):
        result = look(SLUG, read_stack(lab.description))
    stray_s = next(one for one in result.findings if one.target == STRAY)
    assert stray_s.state in {State.PASS, State.WARN}  # a share of the machine goes to others, too
    assert "of the host, as it has no limit of its own" in stray_s.message

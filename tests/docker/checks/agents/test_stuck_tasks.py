"""The worker's log as its engine has it: a job that kills the worker again and again, and one that it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import broken, finding_of
from tests.docker.checks.strays import STRAY, described, stray

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REFUSING = """
import time
print("[2026-01-01 10:00:00,000: ERROR/MainProcess] Received unregistered task of type 'courier.send'.")
print("ready", flush=True)
time.sleep(600)
"""


def test_a_job_that_kills_its_worker_at_every_start_fails(lab: ComposeStack) -> None:
    with broken(lab, "worker-crash") as config:
        result = look("agents.stuck_tasks", config)
    shows(fault("a job kills the worker of a container at every start"), result)
    finding_of(result, "tasks.crash_loop", "runner")
    assert "KeyError: 'translate'" in found(result, "tasks.crash_loop").message


def test_a_task_that_a_container_s_worker_refused_fails(lab: ComposeStack) -> None:
    with stray(lab, REFUSING):
        config = described(lab)
        assert config.queue
        queue = replace(config.queue, worker_service=STRAY, expected_tasks=())
        finding = found(look("agents.registered_tasks", replace(config, queue=queue)), "registered.refused")
    assert finding.state is State.FAIL
    assert "courier.send" in finding.message

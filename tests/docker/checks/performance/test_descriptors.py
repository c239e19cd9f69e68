from __future__ import annotations

import pytest
from docker.types import Ulimit

from deploy.awe.compose import ComposeStack
from diagnostics.checks.performance import descriptors
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken, finding_of
from tests.docker.checks.strays import STRAY, described, stray

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "performance.descriptors"
LEAKING = "import time\nfiles = [open('/dev/null') for _ in range(92)]\nprint('ready')\ntime.sleep(600)"
FORKING = """
import os, time
for _ in range(17):
    if not os.fork():
        time.sleep(600)
print("ready")
time.sleep(600)
"""


@pytest.fixture(params=["as this machine sees them", "as a shell in them sees them"], autouse=True)
def sight(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Look in both ways: a host that is another machine can only be asked from inside."""
    if request.param == "as a shell in them sees them":
        monkeypatch.setattr(descriptors, "is_this_machine", lambda *_: False)
    return str(request.param)


def test_containers_far_from_their_limits_pass(lab: ComposeStack, sight: str) -> None:
    result = look(SLUG, read_stack(lab.description))
    assert codes(result) == {"descriptors.room"}
    store = next(one for one in result.findings if one.target == "store")
    opened = store.measured["open_files"].value
    assert isinstance(opened, int)
    assert opened > 3
    assert any("postgres" in one.content for one in result.evidence)
    assert all(one.source.startswith("/proc") == (sight == "as this machine sees them") for one in result.evidence)


def test_a_container_whose_service_leaks_files_fails(lab: ComposeStack) -> None:
    with stray(lab, LEAKING, ulimits=[Ulimit(name="nofile", soft=100, hard=100)]):
        result = look(SLUG, described(lab))
    shows(fault("a container's service has no open files left"), result)
    finding_of(result, "descriptors.open_files", STRAY)
    assert "python" in result.leading.message


def test_a_container_with_no_processes_left_fails(lab: ComposeStack) -> None:
    with stray(lab, FORKING, pids_limit=18):
        result = look(SLUG, described(lab))
    shows(fault("a container has no processes left"), result)
    finding = found(result, "descriptors.processes")
    assert (finding.state, finding.target) == (State.FAIL, STRAY)


def test_a_service_that_does_not_run_is_left_to_others(lab: ComposeStack) -> None:
    with broken(lab, "worker-paused") as config:
        result = look(SLUG, config)
    assert found(result, "descriptors.no_process").target == "runner"

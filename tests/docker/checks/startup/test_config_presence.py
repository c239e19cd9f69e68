from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import Result, State
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

SLUG = "startup.config_presence"
WAITING = "import time\nprint('ready')\ntime.sleep(600)"
# Starts a process of its own environment, as an entrypoint does.
STARTING = """
import os, sys
if sys.argv[1:] == ["set"]:
    os.environ["SIGNING_KEY"] = "kept-to-itself-3f9a"
else:
    del os.environ["SIGNING_KEY"]
os.execvp("python", ["python", "-u", "-c", "import time; print('ready'); time.sleep(600)"])
"""


def looked(lab: ComposeStack) -> Result:
    return look(SLUG, described(lab, required_environment=("SIGNING_KEY",)))


def test_containers_have_what_they_need_and_no_value_is_shown(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    assert codes(result) == {"config.present"}
    assert {one.target for one in result.findings} == {"gateway", "runner"}
    for secret in ("JWT_SECRET_KEY", "APP_DB_PASSWORD"):
        assert lab.secret(secret) not in repr(result)
    api, worker = (set(evidence.content.splitlines()) for evidence in result.evidence)
    assert api < worker  # what both have is the same, and the fingerprints say so


def test_an_emptied_variable_fails(lab: ComposeStack) -> None:
    with stray(lab, WAITING, environment={"SIGNING_KEY": ""}):
        result = looked(lab)
    shows(fault("a variable of a container is empty"), result)
    finding_of(result, "config.empty", STRAY)


def test_a_missing_variable_fails(lab: ComposeStack) -> None:
    with stray(lab, WAITING):
        result = looked(lab)
    shows(fault("a variable of a container is missing"), result)
    finding_of(result, "config.missing", STRAY)


def test_a_placeholder_warns(lab: ComposeStack) -> None:
    with stray(lab, WAITING, environment={"SIGNING_KEY": "changeme"}):
        result = looked(lab)
    assert (found(result, "config.placeholder").state, result.state) == (State.WARN, State.WARN)


def test_what_the_entrypoint_sets_is_there_and_is_not_shown(lab: ComposeStack) -> None:
    with stray(lab, STARTING, "set"):
        result = looked(lab)
    assert {one.code for one in result.findings if one.target == STRAY} == {"config.present"}
    assert "set by its entrypoint" in result.evidence[-1].content
    assert "kept-to-itself" not in repr(result)


def test_what_the_entrypoint_takes_away_is_missing(lab: ComposeStack) -> None:
    with stray(lab, STARTING, "take", environment={"SIGNING_KEY": "qTz7-gbW2_u9vEwR4nYxK0pLs"}):
        finding = found(looked(lab), "config.missing")
    assert "its process was started without" in finding.message


def test_a_secret_in_a_file_is_read_as_the_container_would(lab: ComposeStack) -> None:
    program = "open('/run/secret', 'w').write('changeme\\n')\n" + WAITING
    with stray(lab, program, environment={"SIGNING_KEY_FILE": "/run/secret"}):
        assert found(looked(lab), "config.placeholder").target == STRAY
    with stray(lab, WAITING, environment={"SIGNING_KEY_FILE": "/run/none"}):
        finding = found(looked(lab), "config.file_unusable")
    assert "No such file" in finding.message


def test_a_service_that_does_not_run_is_left_to_others(lab: ComposeStack) -> None:
    with broken(lab, "worker-paused") as config:
        result = look(SLUG, config)
    assert found(result, "config.no_process").target == "runner"

"""A security log that only a container has, and what that container writes of logins to its standard output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import Finding, Result, State
from diagnostics.stack import SecurityLog
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import found, look
from tests.docker.checks.strays import STRAY, described, stray

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "auth.security_log"
AUDIT = "/var/tmp/audit.log"
USER = "maria.from-the-office"
PROGRAM = f"""
import json, time
at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
refused = json.dumps({{"event": "login_failed", "username": "{USER}", "client": "10.0.0.9", "ts": at}})
with open("{AUDIT}", "w") as file:
    file.write((refused + "\\n") * 60)
for _ in range(12):
    print(json.dumps({{"msg": "login failed", "user": "{USER}"}}))
print("ready", flush=True)
time.sleep(600)
"""


def looked(lab: ComposeStack, path: str = AUDIT) -> Result:
    log = SecurityLog(files=(Path(path),), service=STRAY)
    result = look(SLUG, replace(described(lab), security_log=log))
    assert USER not in repr(result)
    return result


def of(result: Result, target: str) -> dict[str, Finding]:
    return {one.code: one for one in result.findings if one.target == target}


def test_a_burst_in_a_file_of_a_container_fails_and_its_own_log_is_read_beside_it(lab: ComposeStack) -> None:
    with stray(lab, PROGRAM):
        result = looked(lab)
    shows(fault("fifty and more refusals in a log that only a container has"), result)
    assert of(result, AUDIT)["security.failures"].state is State.FAIL
    written = of(result, f"log of {STRAY}")["security.failures"]  # its lines bear no time but the engine's
    assert (written.state, written.measured["failures"].value) == (State.WARN, 12)
    assert [one.source for one in result.evidence] == [
        f"{AUDIT} in the container of {STRAY}",
        f"log of {STRAY}, by the engine",
    ]


def test_a_file_that_the_container_has_not_warns(lab: ComposeStack) -> None:
    with stray(lab, PROGRAM):
        finding = found(looked(lab, "/var/tmp/none.log"), "security.missing")
    assert (finding.state, finding.target) == (State.WARN, "/var/tmp/none.log")
    assert "No such file" in finding.message


def test_of_a_container_that_has_ended_its_own_log_is_left(lab: ComposeStack) -> None:
    with stray(lab, PROGRAM) as container:
        container.stop(timeout=0)
        result = looked(lab)
    assert found(result, "security.no_process").state is State.SKIP
    assert set(of(result, f"log of {STRAY}")) == {"security.failures", "security.user_failures"}

from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_every_container_has_its_log_collected(lab: ComposeStack) -> None:
    result = look("startup.logs", read_stack(lab.description))
    collected = {one.target for one in result.findings if one.code == "logs.collected"}
    assert collected == {"store", "pool", "broker", "gateway", "runner", "door"}
    assert all("log of container" in one.source for one in result.evidence)


def test_a_container_that_ends_at_once_has_its_last_words(lab: ComposeStack) -> None:
    with broken(lab, "proxy-config-invalid") as config:
        result = look("startup.logs", config)
    hint = found(result, "log.cd-08")
    assert (hint.state, hint.target) == (State.PASS, "door")
    assert 0 <= float(hint.measured["last_seen"].value or 0) <= 60

from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_names_resolve_inside_the_containers_that_use_them(lab: ComposeStack) -> None:
    result = look("network.dns", read_stack(lab.description))
    assert codes(result) == {"dns.resolved"}
    assert {one.target for one in result.findings} == {"store", "pool", "broker", "localhost"}


def test_a_service_cut_off_from_its_network_is_told_from_a_name_that_nobody_knows(lab: ComposeStack) -> None:
    with broken(lab, "network-partition") as config:
        result = look("network.dns", config)
    finding = found(result, "dns.off_network")
    assert finding.state is State.FAIL
    assert "shares no network" in finding.message
    assert finding.citations


def test_a_stopped_service_has_no_name(lab: ComposeStack) -> None:
    with broken(lab, "redis-down") as config:
        result = look("network.dns", config)
    assert found(result, "dns.unknown_name").target == "broker"

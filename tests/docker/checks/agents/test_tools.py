"""What tools of agents in containers speak to is connected to from inside their container."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import Finding, State
from diagnostics.stack import Tool, read_stack
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import finding_of

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "agents.tools"


def of_tool(lab: ComposeStack) -> Finding:
    return next(one for one in look(SLUG, read_stack(lab.description)).findings if one.target == "web_fetch")


def test_a_tool_s_address_is_taken_from_its_container_and_connected_to_from_there(lab: ComposeStack) -> None:
    finding = of_tool(lab)
    assert (finding.state, finding.code) == (State.PASS, "tools.connected")
    assert "gateway:8000" in finding.message


@pytest.mark.parametrize(
    ("url", "code"), [("http://gateway:8001/tools", "tools.refused"), ("http://gatewya:8000", "tools.dns")]
)
def test_an_address_that_the_container_does_not_reach_fails(lab: ComposeStack, url: str, code: str) -> None:
    tool = Tool(name="web_fetch", service="runner", url=url)
    result = look(SLUG, replace(read_stack(lab.description), tools={"web_fetch": tool}))
    shows(fault(f"a tool's address fails inside its container: {code}"), result)
    finding_of(result, code, "web_fetch")


def test_a_service_of_the_stack_that_is_down_is_left_to_others(lab: ComposeStack) -> None:
    container = lab.container("gateway")
    container.stop(timeout=2)
    try:
        finding = of_tool(lab)
    finally:
        container.start()
        lab.wait_until_healthy()
    assert (finding.state, finding.code) == (State.SKIP, "tools.own_endpoint")


def test_without_the_agents_container_nothing_is_connected(lab: ComposeStack) -> None:
    container = lab.container("runner")
    container.stop(timeout=2)
    try:
        result = look(SLUG, read_stack(lab.description))
    finally:
        container.start()
        lab.wait_until_healthy()
    assert found(result, "tools.no_process").state is State.SKIP

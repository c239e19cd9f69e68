"""What actions say that an engine shows of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.traces import Trace
from diagnostics.stack import Service, StackConfig

STACK = StackConfig(
    name="shop",
    environment="Staging",
    vantage="container",
    root=Path("/nowhere"),
    services={"api": Service(name="api", role="api"), "worker": Service(name="worker", role="worker")},
)
HOLDERS = {"holders": [{"kind": "container", "id": "c9"}, {"kind": "process", "pid": 1}]}


def traces(slug: str, facts: Mapping[str, Any], **document: Any) -> list[Trace]:
    one = action(slug)
    return list(one.traces(STACK, read_parameters(one.parameters, document), facts))


@pytest.mark.parametrize(
    ("slug", "facts", "document", "fits", "shows"),
    [
        ("service.restart", {"container": "c1"}, {"service": "api"}, ["kill", "stop", "start", "restart"], "restart"),
        ("service.unpause", {"container": "c1"}, {"service": "api"}, ["unpause"], "unpause"),
        ("stack.full_restart", {"containers": [{"container": "c1"}]}, {}, ["kill", "stop", "start"], "start"),
    ],
)
def test_an_action_on_a_container_shows_its_own_and_nothing_of_others(
    slug: str, facts: Mapping[str, Any], document: Mapping[str, Any], fits: list[str], shows: str
) -> None:
    [trace] = traces(slug, facts, **document)
    assert trace.shows == shows
    assert all(trace.fits(action, "api", "c1", "") for action in fits)
    assert not any(trace.fits(action, "api", "c2", "") for action in fits)
    assert not trace.fits("exec_start", "api", "c1", "digest")
    assert not trace.fits("destroy", "api", "c1", "")


def test_who_has_a_port_may_be_of_another_service_and_have_stopped_by_then() -> None:
    [trace] = traces("port.free", HOLDERS, service="api", port=80)
    assert trace.fits("kill", "worker", "c9", "")
    assert not trace.fits("kill", "api", "c1", "")
    assert not trace.fits("start", "worker", "c9", "")
    assert trace.shows == ""


def test_an_action_that_says_nothing_may_do_anything_to_its_target_alone() -> None:
    [trace] = traces("stack.reset", {})
    assert (trace.actions, trace.service, trace.times) == (None, "", None)

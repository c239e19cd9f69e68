from __future__ import annotations

from dataclasses import replace

import psutil
import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks import engine_host
from diagnostics.checks.result import Result, State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, found, look

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "performance.host"


def looked(lab: ComposeStack, **limits: float) -> Result:
    config = read_stack(lab.description)
    return look(SLUG, replace(config, thresholds={SLUG: dict(config.thresholds[SLUG]) | limits}))


def test_the_engines_host_has_room(lab: ComposeStack) -> None:
    result = looked(lab)
    assert codes(result) == {"host.room"}
    assert result.evidence[0].source == "/proc of the host, which is the engine's"


def test_a_host_that_is_another_machine_is_seen_from_inside(lab: ComposeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_host, "is_this_machine", lambda *_: False)
    result = looked(lab)
    assert "sees it" in result.evidence[0].source
    available = found(result, "host.room").measured["available"].value
    assert isinstance(available, int)
    assert abs(available - psutil.virtual_memory().available) < 1e9  # it is this one, after all
    assert f"{psutil.virtual_memory().total // 1_000_000} MB" in result.evidence[0].content
    assert "pressure of the last minute: cpu some" in result.evidence[0].content


def test_too_little_memory_of_it_fails(lab: ComposeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_host, "is_this_machine", lambda *_: False)
    result = looked(lab, memory_mb=psutil.virtual_memory().total / 1e6)
    assert found(result, "host.memory").state is State.FAIL

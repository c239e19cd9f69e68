"""A stack whose engine tells what a test lets happen to its containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from awe_incidents.reconciliation import operations
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.operations import Reconciled
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.traces import Trace
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import SETUP
from tests.diagnostics.engines import Container, engine_of
from tests.reconciliation.telling import EventLog
from tests.recovery import acting
from tests.recovery.conftest import World, rings, signed_trail, world  # noqa: F401  fixtures

STACK = """
schema = 1
name = "shop"
environment = "Staging"
vantage = "container"
[engine]
url = "{url}"
project = "shop"
[services.api]
role = "api"
"""
API = Container(
    limits={"RestartPolicy": {"Name": "always"}},
    config={"Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost/health"]}},
)


class WriteAndRestart(acting.WriteAtOnce):
    """Says that the engine shows a restart of the container; a test lets the engine do so."""

    slug: ClassVar[str] = "test.restart"

    def traces(self, stack: Any, parameters: Any, facts: Any) -> list[Trace]:
        actions = frozenset({"kill", "die", "stop", "start", "restart"})
        return [Trace(actions=actions, container="api-id", shows="restart")]


@dataclass
class Telltale:
    """What tests let happen, and what comes of it."""

    stack: Stack
    log: EventLog

    def reconcile(self, *, is_due: bool = False) -> Reconciled:
        return operations.reconcile_stack(stack_id=self.stack.pk, at=timezone.now(), is_due=is_due)

    def alarms(self) -> list[Alarm]:
        return list(Alarm.objects.order_by("pk"))

    def happens_now(self) -> EventLog:
        """Give the log with its clock put to now: what is told next happens after whatever was before."""
        self.log.now = max(timezone.now(), self.log.now)
        return self.log


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def containers() -> dict[str, Container]:
    """Give what runs at the engine; a test may add to it."""
    return {"api": API}


@pytest.fixture
def stack(db: None, tmp_path: Path, log: EventLog, containers: dict[str, Container]) -> Iterator[Stack]:
    with engine_of(containers, tmp_path, events=log.answer) as described:
        assert described.engine is not None
        config = parse_toml(STACK.format(url=described.engine.url), folder=tmp_path)
        yield apply_stack(config=config, by=SETUP, at=timezone.now()).stack


@pytest.fixture
def telltale(stack: Stack, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> Telltale:
    """Give a stack whose engine was looked at once, so that what happens from now on is judged."""
    known = dict(registry.all_actions())
    monkeypatch.setattr(
        registry, "all_actions", lambda: {**known, **acting.ALL, WriteAndRestart.slug: WriteAndRestart()}
    )
    made = Telltale(stack, log)
    log.tell("health_status: healthy")
    assert made.reconcile() == Reconciled(looked=True)
    return made

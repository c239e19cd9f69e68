"""A plain stack, and doorbells that are heard but not sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from diagnostics import operations, queue
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.stack import parse_toml
from diagnostics.states import ResultProgress
from tests.conftest import PLAIN_STACK, SETUP


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, int]]]:
    """Collect doorbells instead of sending them."""
    heard: list[tuple[str, dict[str, int]]] = []
    monkeypatch.setattr(queue._bell, "ring", lambda task, **ids: heard.append((task, ids)))
    return heard


@pytest.fixture
def stack(transactional_db: None, rings: list[tuple[str, dict[str, int]]], tmp_path: Path) -> Stack:
    """A stack with nothing to look at."""
    return operations.apply_stack(config=parse_toml(PLAIN_STACK, folder=tmp_path), by=SETUP, at=timezone.now()).stack


@pytest.fixture
def run(stack: Stack) -> Run:
    """A started run of every check."""
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    assert operations.start_run(run_id=run.pk, at=timezone.now())
    return run


@pytest.fixture
def ready(run: Run) -> CheckResult:
    """A check of it that may be claimed."""
    return run.results.filter(progress=ResultProgress.READY).earliest("slug")

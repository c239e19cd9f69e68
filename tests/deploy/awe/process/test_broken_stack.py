"""A stack that is broken on purpose stays so when it is stopped and started, and says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.awe.process import ProcessStack, StackSettings
from deploy.awe.process.faults import active_faults, break_stack
from deploy.awe.process.layout import CHECKOUT
from tests.stacks import running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[ProcessStack]:
    """A stack that may be stopped."""
    with running_stack(StackSettings(name="third", host="127.0.0.6")) as stack:
        yield stack


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "deploy.awe", *arguments]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120)


def test_a_stack_with_a_stuck_worker_says_at_its_start_what_is_broken_on_purpose(stack: ProcessStack) -> None:
    break_stack(stack, "worker-stuck")
    stack.down()
    up = command("up", "--root", str(stack.root))
    assert up.returncode == 1
    assert "broken on purpose: worker-stuck (a job keeps the worker busy for ever" in up.stderr
    assert f"mend worker-stuck --root {stack.root}" in up.stderr
    assert "the queue is not empty" in up.stderr
    assert active_faults(stack) == ["worker-stuck"]

    assert "mended after" in command("mend", "worker-stuck", "--root", str(stack.root)).stdout
    assert stack.problems() == []

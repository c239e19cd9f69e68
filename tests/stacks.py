"""Running reference stacks for tests: import the fixtures into a conftest; each stack is started once per session."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from awe_incidents.local.ports import take_port
from deploy.awe.process import ProcessStack, ServiceNames, StackSettings
from deploy.awe.process.errors import FaultUnavailable
from deploy.awe.process.faults import break_stack, mend_stack

EXPECTATIONS = Path(__file__).parent / "faults" / "process.toml"
RENAMED = StackSettings(
    name="floor-two",
    environment="Staging",
    host="127.0.0.2",
    services=ServiceNames(api="gateway", worker="runner", database="store", redis="broker", pooler="turnstile"),
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """The check that must tell of a fault, its code, the cause to be named first, and whether it only warns."""

    check: str
    code: str
    cause: str
    state: str = "fail"


def expectations() -> dict[str, Expectation]:
    """Give what a diagnosis must find, by fault."""
    return {slug: Expectation(**entry) for slug, entry in tomllib.loads(EXPECTATIONS.read_text()).items()}


@contextlib.contextmanager
def running_stack(settings: StackSettings) -> Iterator[ProcessStack]:
    """Lay out a stack in a folder of its own, start it, remove it all; it ends with the test process anyway."""
    stack = ProcessStack(Path(tempfile.mkdtemp(prefix="awe-stack-")))
    try:
        # Not 8443: a stack of somebody else on this machine may want it while ours is being broken and restarted.
        stack.lay_out(settings, api_port=take_port(stack.root / "port.json", "api"))
        stack.up(detached=False)
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(stack.root, ignore_errors=True)


@contextlib.contextmanager
def broken(stack: ProcessStack, slug: str) -> Iterator[ProcessStack]:
    """Break the stack until the symptom shows, and mend it until it is healthy again."""
    try:
        try:
            break_stack(stack, slug)
        except FaultUnavailable as refusal:
            pytest.skip(str(refusal))
        yield stack
    finally:
        mend_stack(stack, slug)


@pytest.fixture(scope="session")
def awe_stack() -> Iterator[ProcessStack]:
    """A healthy stack with the usual names."""
    with running_stack(StackSettings()) as stack:
        yield stack


@pytest.fixture(scope="session")
def renamed_awe_stack() -> Iterator[ProcessStack]:
    """A healthy stack with other names, host and ports."""
    with running_stack(RENAMED) as stack:
        yield stack

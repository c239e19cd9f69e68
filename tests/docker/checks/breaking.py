"""What the tests of container checks share: a deployment that a fault breaks for real, and engines that are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import Result, State
from diagnostics.stack import Engine, StackConfig, read_stack
from tests.diagnostics.looks import found
from tests.faults.fault import all_faults


@contextmanager
def broken(lab: ComposeStack, slug: str) -> Iterator[StackConfig]:
    one = all_faults()[slug]
    try:
        one.make(lab)
        yield read_stack(lab.description)
    finally:
        one.heal(lab)
        lab.wait_until_healthy()


def finding_of(result: Result, code: str, target: str) -> None:
    finding = found(result, code)
    assert (finding.state, finding.target) == (State.FAIL, target)
    assert finding.citations


def without_engine(root: Path, url: str) -> StackConfig:
    """Describe a stack of containers whose engine should be at this address."""
    return described_at(root, url, project="shop")


def described_at(root: Path, url: str, *, project: str) -> StackConfig:
    """Describe a project of containers on the engine at this address, and nothing else of it."""
    engine = Engine(url=url, project=project)
    return StackConfig(name="shop", environment="Staging", vantage="container", root=root, engine=engine)

"""Fixtures of the journeys: one running service and the reference stacks, shared by the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.service import Service, running_service
from tests.stacks import awe_stack, renamed_awe_stack

__all__ = ["awe_stack", "renamed_awe_stack", "service"]


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A running service."""
    with running_service() as running:
        yield running

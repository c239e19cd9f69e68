"""A PostgreSQL server for the checks of databases, shared by the session; each test leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.diagnostics.databases import NEEDS_PGBOUNCER, PGBOUNCER, FrontDoor, Server, running_pooler, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with 15 connections for ordinary roles."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def front_door(server: Server) -> Iterator[FrontDoor]:
    """A pooler in front of it with two server connections for each pool."""
    if PGBOUNCER is None:
        pytest.skip(NEEDS_PGBOUNCER)
    with running_pooler(server) as running:
        yield running

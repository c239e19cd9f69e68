"""A PostgreSQL server for the checks of databases, shared by the session; each test leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.diagnostics.databases import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with 15 connections for ordinary roles."""
    with running_server() as running:
        yield running

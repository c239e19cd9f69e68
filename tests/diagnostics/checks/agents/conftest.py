"""A real database server for checks that read an application's tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.diagnostics.databases import Server, running_server


@pytest.fixture(scope="session")
def ledger() -> Iterator[Server]:
    """A running PostgreSQL server."""
    with running_server() as server:
        yield server

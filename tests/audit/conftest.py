"""Fixtures of the trail's tests."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.api.trail import signing
from tests.audit import rows

__all__ = ["connection", "signing"]


@pytest.fixture
def connection(transactional_db: None) -> Iterator[psycopg.Connection]:
    """The application's connection, beside Django's."""
    with rows.connected() as connection:
        yield connection

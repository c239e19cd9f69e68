"""Transactions on the application's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from shared import config

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT = "8s"


@contextmanager
def transaction(*, program: str) -> Iterator[psycopg.Cursor]:
    """Open a connection for one transaction: committed at the end, rolled back on any error.

    A pooler stands between us and the server in the Docker form, so a connection each is cheap there, and nothing is
    prepared on the server, since the next transaction may meet another one.
    """
    connection = psycopg.connect(
        config.current().database_url,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        application_name=program,
        prepare_threshold=None,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        yield cursor

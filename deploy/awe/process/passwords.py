"""Set a role's password so that no server log can hold it."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql


def set_password(connection: psycopg.Connection, statement: LiteralString, *, role: str, password: str) -> None:
    """Run a statement with places for a role and its password, hashed here: servers log statements."""
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(hashed)))

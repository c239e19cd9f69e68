"""The database roles of the architecture, and databases that are given to them; everything here may be repeated.

incidents_owner      owns the schema and every table, cannot log in
incidents_migrator   logs in for migrations and acts as the owner
incidents_app        reads and writes rows; owns nothing, no DDL, no TRUNCATE
incidents_signer     reads the trail's entries, inserts signed checkpoints and what others say of them (audit grants it)
incidents_readonly   reads rows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from awe_incidents.local.postgres import PostgresCluster

DATABASE: Final = "awe_incidents"
OWNER: Final = "incidents_owner"
MIGRATOR: Final = "incidents_migrator"
APP: Final = "incidents_app"
SIGNER: Final = "incidents_signer"
READONLY: Final = "incidents_readonly"
LOGINS: Final = (MIGRATOR, APP, SIGNER, READONLY)
URL_NAMES: Final = {
    "DATABASE_URL": APP,
    "MIGRATOR_DATABASE_URL": MIGRATOR,
    "SIGNER_DATABASE_URL": SIGNER,
    "READONLY_DATABASE_URL": READONLY,
}

ROLE_RULES: Final = (
    "GRANT incidents_owner TO incidents_migrator",
    "ALTER ROLE incidents_migrator SET role = 'incidents_owner'",
    "ALTER ROLE incidents_readonly SET default_transaction_read_only = on",
    # Whoever locks a table by hand must not make requests hang: they are refused, and nothing is begun.
    "ALTER ROLE incidents_app SET lock_timeout = '10s'",
    "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC",  # nobody has business there but the superuser
)
FUTURE: Final = "ALTER DEFAULT PRIVILEGES FOR ROLE incidents_owner IN SCHEMA public"
SCHEMA_RULES: Final = (
    "ALTER SCHEMA public OWNER TO incidents_owner",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO incidents_app, incidents_signer, incidents_readonly",
    f"{FUTURE} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO incidents_app",
    f"{FUTURE} GRANT USAGE, SELECT ON SEQUENCES TO incidents_app",
    f"{FUTURE} GRANT SELECT ON TABLES TO incidents_readonly",
)


class Server(Protocol):
    """Whatever opens a superuser connection: a PostgresCluster, or a SuperuserLogin in another process."""

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection to this database as superuser."""


@dataclass(frozen=True, slots=True)
class SuperuserLogin:
    """The superuser of a server that another process started, by address."""

    url: str = field(repr=False)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection as superuser, each statement its own transaction."""
        return psycopg.connect(make_conninfo(self.url, dbname=database), autocommit=True, connect_timeout=5)


def create_roles(server: Server, passwords: Mapping[str, str]) -> None:
    """Create the roles, or bring them back to what they should be; `passwords` holds one for each of LOGINS."""
    with server.connect() as connection:
        _ensure_role(connection, OWNER, "NOLOGIN")
        for name in LOGINS:
            _ensure_role(connection, name, "LOGIN")
            _set_password(connection, name, passwords[name])
        for rule in ROLE_RULES:
            connection.execute(rule)


def create_database(server: Server, name: str) -> None:
    """Create a database of any name unless it exists, give it to the owner and set who may do what in it."""
    with server.connect() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(_named("CREATE DATABASE {} OWNER incidents_owner TEMPLATE template0", name))
        _grant_connect(connection, name)
    with server.connect(name) as connection:
        for rule in SCHEMA_RULES:
            connection.execute(rule)


def clone_database(server: Server, *, source: str, name: str) -> None:
    """Create a database as a copy of another, which nobody may be connected to meanwhile."""
    with server.connect() as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER incidents_owner TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
        _grant_connect(connection, name)  # privileges on a database are not copied with it


def drop_database(server: Server, name: str) -> None:
    """Drop a database if it exists, whoever is connected to it."""
    with server.connect() as connection:
        connection.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def database_urls(cluster: PostgresCluster, passwords: Mapping[str, str], database: str = DATABASE) -> dict[str, str]:
    """Give the environment variables that lead each role to this database; the values hold passwords."""
    return {
        variable: cluster.url(role=role, password=passwords[role], database=database)
        for variable, role in URL_NAMES.items()
    }


def _ensure_role(connection: psycopg.Connection, name: str, login: str) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
        connection.execute(_named("CREATE ROLE {}", name))
    limits = f"ALTER ROLE {{}} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    connection.execute(_named(limits, name))


def _set_password(connection: psycopg.Connection, name: str, password: str) -> None:
    """Send the scram verifier only: a statement that fails is logged by the server, whole."""
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(verifier)))


def _grant_connect(connection: psycopg.Connection, database: str) -> None:
    connection.execute(_named("REVOKE ALL ON DATABASE {} FROM PUBLIC", database))
    grantees = "incidents_migrator, incidents_app, incidents_signer, incidents_readonly"
    connection.execute(_named(f"GRANT CONNECT ON DATABASE {{}} TO {grantees}", database))


def _named(statement: str, name: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(name))

"""Make roles, database, schema and a backup: `python -m deploy.awe.process.prepare_database`; harmless when repeated.

Runs once per start of the stack, as the cluster's superuser, with the application's packages on the path.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from deploy.awe.process.backup import make_backup
from deploy.awe.process.layout import APPLICATION
from deploy.awe.process.passwords import set_password

WATCHING = ("pg_monitor", "pg_use_reserved_connections")  # the latter came with PostgreSQL 16


def main() -> None:
    """Do it all, in order."""
    admin_url = os.environ["MIGRATION_DATABASE_URL"]
    application = conninfo_to_dict(os.environ["DATABASE_URL"])
    role, database, password = (str(application[key]) for key in ("user", "dbname", "password"))
    with psycopg.connect(admin_url, dbname="postgres", autocommit=True, connect_timeout=5) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            set_password(connection, "CREATE ROLE {} LOGIN PASSWORD {}", role=role, password=password)
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(role)))
        prepare_monitor(connection)
    command.upgrade(Config(str(APPLICATION / "alembic.ini")), "head")
    from shared.seed import seed  # of the application, which this program's path leads to

    seed()
    with psycopg.connect(admin_url, autocommit=True, connect_timeout=5) as connection:
        open_to_monitor(connection)
    make_backup(Path(os.environ["BACKUPS"]), pg_dump=Path(os.environ["PG_DUMP"]), url=admin_url)


def prepare_monitor(connection: psycopg.Connection) -> None:
    """Make the role that diagnoses watch with, and give it a way in that the application cannot take."""
    monitor = conninfo_to_dict(os.environ["MONITOR_URL"])
    role, password = str(monitor["user"]), str(monitor["password"])
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        set_password(connection, "CREATE ROLE {} LOGIN PASSWORD {}", role=role, password=password)
    granted = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [list(WATCHING)])
    for (name,) in granted.fetchall():
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(name), sql.Identifier(role)))


def open_to_monitor(connection: psycopg.Connection) -> None:
    """Let the monitor see schema, agents and their runs, what statements cost, and whether indexes are sound."""
    monitor = sql.Identifier(str(conninfo_to_dict(os.environ["MONITOR_URL"])["user"]))
    connection.execute(sql.SQL("GRANT SELECT ON alembic_version, agents, jobs TO {}").format(monitor))
    query = "SELECT name FROM pg_available_extensions WHERE name IN ('pg_stat_statements', 'amcheck')"
    for (name,) in connection.execute(query).fetchall():
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
        if name == "amcheck":
            connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO {}").format(monitor))


if __name__ == "__main__":
    main()

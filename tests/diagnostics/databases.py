"""A real PostgreSQL server for tests of its own: few connections, an application's role, and a role that watches."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from diagnostics.stack import Database, Monitor, SecretReference, Service, StackConfig
from tests.diagnostics import looks
from tests.services import FAST_SETTINGS

APPLICATION, WATCHER = "clerk", "watcher"
PASSWORDS = {APPLICATION: "the-till-is-open", WATCHER: "only-to-look-at-it"}
USABLE = 15
SETTINGS = {
    "max_connections": "20",
    "superuser_reserved_connections": "3",
    "reserved_connections": "2",
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    "shared_preload_libraries": "pg_stat_statements",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Server:
    """A running server and how a stack describes it."""

    root: Path
    cluster: PostgresCluster
    dbname: str = "ledger"

    def superuser(self, dbname: str = "") -> psycopg.Connection:
        return self.cluster.connect(dbname or self.dbname)

    def client(self, *, application: str = "till", user: str = APPLICATION, **more: Any) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.cluster.port,
            dbname=self.dbname,
            user=user,
            password=PASSWORDS[user],
            application_name=application,
            autocommit=True,
            **more,
        )

    def database(self, **more: Any) -> Database:
        fields: dict[str, Any] = {
            "name": "books",
            "service": "ledger",
            "host": "127.0.0.1",
            "port": self.cluster.port,
            "dbname": self.dbname,
            "user": APPLICATION,
            "password": SecretReference("file", APPLICATION),
            "monitor": Monitor(user=WATCHER, password=SecretReference("file", WATCHER)),
        }
        return Database(**fields | more)

    def stack(self, *, limits: dict[str, dict[str, float]] | None = None, **database: Any) -> StackConfig:
        return looks.stack(
            self.root,
            services={"ledger": Service(name="ledger", role="database")},
            databases={"books": self.database(**database)},
            thresholds=limits or {},
        )


@contextlib.contextmanager
def running_server(**settings: str) -> Iterator[Server]:
    """Start a server in a folder that its own user can reach."""
    root = Path(tempfile.mkdtemp(prefix="awe-database-"))
    root.chmod(0o711)
    port = take_port(root / "ports.json", "postgres")
    cluster = PostgresCluster.at(root / "postgres", port=port, settings=FAST_SETTINGS | SETTINGS | settings)
    alone = Alone(cluster.program(), log=root / "postgres.log").start()
    server = Server(root, cluster)
    try:
        _populate(server)
        yield server
    finally:
        alone.stop()
        cluster.remove()
        shutil.rmtree(root, ignore_errors=True)


def _populate(server: Server) -> None:
    with server.superuser("postgres") as connection:
        for role, password in PASSWORDS.items():
            (server.root / role).write_text(password)
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        connection.execute("GRANT pg_monitor, pg_use_reserved_connections TO watcher")
        connection.execute("CREATE DATABASE ledger OWNER clerk")
    with server.client() as connection:
        connection.execute("CREATE TABLE entries (id serial PRIMARY KEY, amount int NOT NULL)")
        connection.execute("INSERT INTO entries (amount) SELECT generate_series(1, 100)")


def wait_until(holds: Callable[[], object], *, seconds: float = 10.0) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "what the test waits for did not happen"
        time.sleep(0.02)

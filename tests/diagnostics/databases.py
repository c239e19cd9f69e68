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
from awe_incidents.local.binaries import find_postgres, postgres_major
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from deploy.awe.process.pooler import Pooler as PoolerProgram
from deploy.awe.process.pooler import find_pgbouncer
from diagnostics.stack import Database, Monitor, Pooler, SecretReference, Service, StackConfig
from tests.diagnostics import looks
from tests.services import FAST_SETTINGS

APPLICATION, WATCHER = "clerk", "watcher"
PASSWORDS = {APPLICATION: "the-till-is-open", WATCHER: "only-to-look-at-it"}
USABLE = 15
SETTINGS = {
    "max_connections": "20",
    "superuser_reserved_connections": "3",
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
    is_old = postgres_major(find_postgres()) < 16
    reserved = {"max_connections": "18"} if is_old else {"reserved_connections": "2"}
    all_settings = FAST_SETTINGS | SETTINGS | reserved | settings
    cluster = PostgresCluster.at(root / "postgres", port=port, settings=all_settings)
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
        connection.execute("GRANT pg_monitor TO watcher")
        if postgres_major(find_postgres()) >= 16:
            connection.execute("GRANT pg_use_reserved_connections TO watcher")
        connection.execute("CREATE DATABASE ledger OWNER clerk")
    with server.client() as connection:
        connection.execute("CREATE TABLE entries (id serial PRIMARY KEY, amount int NOT NULL)")
        connection.execute("INSERT INTO entries (amount) SELECT generate_series(1, 100)")


ADMINISTRATOR = "boss"
PGBOUNCER = find_pgbouncer()
NEEDS_PGBOUNCER = "pgbouncer is not installed here (apt-get install pgbouncer); CI has it"


@dataclass(frozen=True)
class FrontDoor:
    """A running pooler in front of a server."""

    server: Server
    pooler: PoolerProgram
    alone: Alone

    def client(self, *, application: str = "till", user: str = APPLICATION, dbname: str = "") -> psycopg.Connection:
        address = self.pooler.url(role=user, database=dbname or self.server.dbname)
        return psycopg.connect(address, application_name=application, autocommit=True, prepare_threshold=None)

    def administrator(self) -> psycopg.Connection:
        return self.pooler.console(role=ADMINISTRATOR)

    def described(self, **more: Any) -> Pooler:
        fields: dict[str, Any] = {
            "service": "turnstile",
            "host": "127.0.0.1",
            "port": self.pooler.port,
            "admin_user": WATCHER,
            "admin_password": SecretReference("file", WATCHER),
        }
        return Pooler(**fields | more)

    def stack(self, *, limits: dict[str, dict[str, float]] | None = None, **more: Any) -> StackConfig:
        return self.server.stack(limits=limits, pooler=self.described(**more))


@contextlib.contextmanager
def running_pooler(server: Server, *, doors: dict[str, str] | None = None, **settings: str) -> Iterator[FrontDoor]:
    """Start PgBouncer in front of a server; `doors` are further databases by name."""
    assert PGBOUNCER is not None
    home = Path(tempfile.mkdtemp(prefix="pooler-", dir=server.root))
    home.chmod(0o711)
    address = f"host=127.0.0.1 port={server.cluster.port}"
    pooler = PoolerProgram.at(
        home / "pooler",
        port=take_port(home / "ports.json", "pooler"),
        binary=PGBOUNCER,
        databases={server.dbname: address, **(doors or {})},
        users={**PASSWORDS, ADMINISTRATOR: "runs-the-turnstile"},
        watcher=WATCHER,
        settings={"admin_users": ADMINISTRATOR, "default_pool_size": "2", **settings},
    )
    alone = Alone(pooler.program(), log=home / "pooler.log").start()
    try:
        yield FrontDoor(server, pooler, alone)
    finally:
        alone.stop()
        shutil.rmtree(home, ignore_errors=True)


def wait_until(holds: Callable[[], object], *, seconds: float = 10.0) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "what the test waits for did not happen"
        time.sleep(0.02)

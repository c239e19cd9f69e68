"""Probe of PgBouncer's console: SHOW, whose columns differ from version to version and are read by name.

The console takes plain queries only, has no parameters, and lets its stats_users in also when all client connections
are used up. Nothing but SHOW is said to it. Tried with PgBouncer 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row

from diagnostics.probes.postgres import ConnectFailure, classified, connected
from diagnostics.stack import Database, Pooler

CONSOLE = "pgbouncer"
MAX_CLIENTS_LISTED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Clients and server connections of one database and user."""

    database: str
    user: str
    clients_active: int
    clients_waiting: int
    servers_active: int
    servers_idle: int  # of whatever kind: usable at once or after a test
    servers_in_login: int
    waits_seconds: float  # the longest of those who wait now

    @property
    def name(self) -> str:
        """Give user@database."""
        return f"{self.user}@{self.database}"

    @property
    def has_no_server(self) -> bool:
        """Say whether it has no server connection at all; who waits for the first has no wait noted (1.18)."""
        return self.servers_active + self.servers_idle == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A database as the pooler names it, and where it sends what comes for it."""

    name: str
    address: str
    pool_size: int
    is_paused: bool
    is_disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Clients that are alike and have a server connection."""

    user: str
    database: str
    application: str
    address: str
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the console says."""

    version: str
    pools: Sequence[Pool]
    doors: Mapping[str, Door]
    holders: Sequence[Holder]  # the most first
    clients: int
    max_clients: int
    query_wait_seconds: float  # 0: for ever
    default_pool_size: int

    def size_of(self, pool: Pool) -> int:
        """Give how many server connections a pool may have, without the reserve."""
        door = self.doors.get(pool.database)
        return (door.pool_size if door else 0) or self.default_pool_size

    def is_used_up(self, pool: Pool) -> bool:
        """Say whether clients have every server connection that a pool may have."""
        return pool.servers_active >= self.size_of(pool)

    @property
    def has_pool_used_up(self) -> bool:
        """Say whether clients have all server connections of some pool, so that the next one waits."""
        return any(self.is_used_up(pool) for pool in self.pools)

    def holder_of(self, pool: Pool) -> Holder | None:
        """Give whose clients have most of a pool's connections."""
        mine = (one for one in self.holders if (one.user, one.database) == (pool.user, pool.database))
        return next(mine, None)

    @property
    def clients_waiting(self) -> int:
        """Give how many clients wait, in all pools."""
        return sum(pool.clients_waiting for pool in self.pools)

    @property
    def longest_wait_seconds(self) -> float:
        """Give the longest wait for a connection of a pool that is used up."""
        used_up = (pool for pool in self.pools if pool.clients_waiting and self.is_used_up(pool))
        return max((pool.waits_seconds for pool in used_up), default=0.0)


def figures_of(pooler: Pooler, database: Database, *, password: str | None, connect_seconds: float) -> Figures:
    """Ask the console.

    Raises: ConnectFailure, also for what the console refuses to show.
    """
    console = replace(database.by_way_of(pooler), dbname=CONSOLE, user=pooler.admin_user or database.user)
    try:
        with connected(console, password=password, connect_seconds=connect_seconds, is_pooled=True) as connection:
            connection.row_factory = dict_row  # type: ignore[assignment]  # as documented; the type stays
            return _asked(connection)  # type: ignore[arg-type]
    except ConnectFailure:
        raise
    except psycopg.Error as error:
        raise classified(str(error)) from None


def _asked(connection: psycopg.Connection[DictRow]) -> Figures:
    config = {row["key"]: row.get("value") for row in _show(connection, "SHOW CONFIG")}
    lists = {row["list"]: _number(row.get("items")) for row in _show(connection, "SHOW LISTS")}
    clients = int(lists.get("used_clients", 0))
    listed = _show(connection, "SHOW CLIENTS") if clients <= MAX_CLIENTS_LISTED else []
    version = _show(connection, "SHOW VERSION")
    return Figures(
        version=str(version[0].get("version", "")) if version else "",
        pools=[_pool(row) for row in _show(connection, "SHOW POOLS") if row.get("database") != CONSOLE],
        doors={str(row["name"]): _door(row) for row in _show(connection, "SHOW DATABASES")},
        holders=_holders(listed),
        clients=clients,
        max_clients=int(_number(config.get("max_client_conn"))),
        query_wait_seconds=_number(config.get("query_wait_timeout")),
        default_pool_size=int(_number(config.get("default_pool_size"))),
    )


def _show(connection: psycopg.Connection[DictRow], command: LiteralString) -> list[dict[str, Any]]:
    return connection.execute(command).fetchall()


def _pool(row: Mapping[str, Any]) -> Pool:
    return Pool(
        database=str(row.get("database", "")),
        user=str(row.get("user", "")),
        clients_active=int(_number(row.get("cl_active"))),
        clients_waiting=int(_number(row.get("cl_waiting"))),
        servers_active=int(_number(row.get("sv_active"))),
        servers_idle=int(sum(_number(row.get(name)) for name in ("sv_idle", "sv_used", "sv_tested"))),
        servers_in_login=int(_number(row.get("sv_login"))),
        waits_seconds=_number(row.get("maxwait")) + _number(row.get("maxwait_us")) / 1e6,
    )


def _door(row: Mapping[str, Any]) -> Door:
    return Door(
        name=str(row["name"]),
        address=f"{row.get('host') or 'a local socket'}:{row.get('port') or ''}/{row.get('database') or ''}",
        pool_size=int(_number(row.get("pool_size"))),
        is_paused=_number(row.get("paused")) > 0,
        is_disabled=_number(row.get("disabled")) > 0,
    )


def _holders(rows: Sequence[Mapping[str, Any]]) -> list[Holder]:
    counts: dict[tuple[str, str, str, str], int] = {}
    for row in rows:
        if row.get("link") and row.get("database") != CONSOLE:
            who = tuple(str(row.get(name) or "") for name in ("user", "database", "application_name", "addr"))
            counts[who[0], who[1], who[2], who[3]] = counts.get((who[0], who[1], who[2], who[3]), 0) + 1
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [Holder(user=u, database=d, application=a, address=h, clients=n) for (u, d, a, h), n in ordered]


def _number(value: object) -> float:
    """Give a figure, 0 where a version does not have it or writes it otherwise."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0

"""Watch a stack's database servers: read-only, briefly, one check after the other, by a role with a slot of its own.

A diagnosis must not take the last connection. So the checks that watch go one after the other (`WATCHERS`, by their
`after`), each opens one connection at a time, and it is the monitor's, for which the server may reserve some. Only
database.statements, which waits between two samples, goes beside them, and only where there is room for two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.postgres import ConnectFailure, connected
from diagnostics.probes.postgres_slots import Slots, slots_of
from diagnostics.stack import Database, StackConfig

CONNECT_SECONDS = 3.0
LEFT_TO_APPLICATION = 2  # connections
MAINTENANCE_DATABASE = "postgres"
# In the order in which they go.
WATCHERS: Final = (
    "database.saturation",
    "database.blockers",
    "database.migrations",
    "agents.runs",
    "agents.tools",
    "database.storage",
    "database.consistency",
)
NO_DATABASES = "the stack describes no [databases.*]"


def watchers_before(slug: str) -> tuple[str, ...]:
    """Give the checks that must have given their connection back before this one takes its own."""
    return WATCHERS[: WATCHERS.index(slug)]


def servers(stack: StackConfig) -> tuple[Database, ...]:
    """Give one database of each server: what concerns the whole server is asked once, by a monitor where there is."""
    chosen: dict[tuple[str, int], Database] = {}
    for database in stack.databases.values():
        known = chosen.get((database.host, database.port))
        if known is None or (known.monitor is None and database.monitor is not None):
            chosen[database.host, database.port] = database
    return tuple(chosen.values())


def server_name(database: Database) -> str:
    """Give how a finding names a server."""
    return f"{database.host}:{database.port}"


@contextmanager
def opened(seeing: Seeing, database: Database) -> Iterator[psycopg.Connection[DictRow]]:
    """Connect by the login that watches; rows come as mappings.

    Raises: ConnectFailure, SecretUnavailable; CouldNotLook for what goes wrong afterwards.
    """
    watched = database.as_watched
    password = seeing.secret(watched.password) if watched.password else None
    seconds = seeing.seconds_left(at_most=CONNECT_SECONDS)
    with connected(watched, password=password, connect_seconds=seconds) as connection:
        connection.row_factory = dict_row  # type: ignore[assignment]  # as documented; the type stays that of connect
        try:
            yield connection  # type: ignore[misc]
        except psycopg.Error as error:
            raise unanswered(error, target=server_name(database)) from None


def slots_seen(seeing: Seeing, database: Database) -> Slots:
    """Ask for the connections of a server, by way of the database `postgres` where this one has none left for itself.

    Raises: ConnectFailure, SecretUnavailable, CouldNotLook.
    """
    try:
        with opened(seeing, database) as connection:
            return slots_of(connection)
    except ConnectFailure as failure:
        if failure.code != "postgres.slots" or database.dbname == MAINTENANCE_DATABASE:
            raise
    with opened(seeing, replace(database, dbname=MAINTENANCE_DATABASE)) as connection:
        return slots_of(connection)


@contextmanager
def watching(seeing: Seeing, database: Database) -> Iterator[psycopg.Connection[DictRow]]:
    """Connect as `opened` does; a server that lets nobody in is "could not look".

    Raises: CouldNotLook, SecretUnavailable.
    """
    try:
        with opened(seeing, database) as connection:
            yield connection
    except ConnectFailure as failure:
        who = f"{database.as_watched.user}, who is to watch {server_name(database)}, cannot connect"
        raise CouldNotLook(f"{who}: {failure}", code=failure.code, target=server_name(database)) from None


def leaves_room_for_application(connection: psycopg.Connection[DictRow]) -> bool:
    """Say whether a connection with the application's own login would leave it some."""
    slots = slots_of(connection)
    limits = [limit.connections - slots.taken_of(limit) for limit in slots.own_limits]
    return min([slots.usable - slots.taken, *limits]) > LEFT_TO_APPLICATION


def unanswered(error: psycopg.Error, *, target: str) -> CouldNotLook:
    """Give the reason why a question had no answer."""
    text = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return NotPermitted(f"{target}: {text}; GRANT pg_monitor to the role that watches", target=target)
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return CouldNotLook(f"{target}: no answer in time: {text}", code="postgres.statement_timeout", target=target)
    return CouldNotLook(f"{target}: {text}", code="postgres.query_failed", target=target)


def rows(connection: psycopg.Connection[DictRow], query: LiteralString, *arguments: Any) -> list[dict[str, Any]]:
    """Ask, and give the answer's rows."""
    return connection.execute(query, arguments or None).fetchall()

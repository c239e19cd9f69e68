"""Probe of what a PostgreSQL server keeps: sizes, log, slots, prepared transactions, age, dead rows, cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow

DATABASES = """
SELECT datname AS name, age(datfrozenxid)::float AS age, mxid_age(datminmxid)::float AS multixact_age,
       CASE WHEN has_database_privilege(datname, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_database_size(datname)::float END AS size_bytes
FROM pg_database ORDER BY 4 DESC NULLS LAST
"""
# Slots that lag behind keep the log; on a standby there is no current position to write at.
SLOTS = """
SELECT slot_name AS name, coalesce(plugin, slot_type) AS kind, active, coalesce(wal_status, '') AS status,
       pg_wal_lsn_diff(
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn
       )::float AS kept_bytes
FROM pg_replication_slots WHERE NOT temporary
"""
PREPARED = """
SELECT gid AS name, owner, database, extract(epoch FROM clock_timestamp() - prepared)::float AS seconds
FROM pg_prepared_xacts ORDER BY prepared
"""
WAL = "SELECT sum(size)::float AS size_bytes FROM pg_ls_waldir()"
PLACES = """
SELECT current_setting('data_directory') AS place
UNION ALL SELECT current_setting('data_directory') || '/pg_wal'
UNION ALL SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')
"""
DEAD = """
SELECT schemaname || '.' || relname AS name, n_live_tup::float AS live, n_dead_tup::float AS dead,
       current_setting('autovacuum_vacuum_threshold')::float
         + current_setting('autovacuum_vacuum_scale_factor')::float * n_live_tup AS vacuum_at,
       greatest(last_vacuum, last_autovacuum)::text AS vacuumed_at
FROM pg_stat_user_tables WHERE n_dead_tup > 0 ORDER BY n_dead_tup DESC LIMIT 100
"""
CACHE = """
SELECT blks_hit::float AS hits, blks_read::float AS reads FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSize:
    """One database of the server; the size is None where the role may not see it."""

    name: str
    age: float  # transactions since the oldest row that is not frozen
    multixact_age: float
    size_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot, and how much log it keeps (None where that is not known)."""

    name: str
    kind: str
    active: bool
    status: str  # reserved, extended, unreserved or lost
    kept_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A transaction that was prepared and neither committed nor rolled back."""

    name: str
    owner: str
    database: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What concerns a whole server."""

    databases: Sequence[DatabaseSize]
    slots: Sequence[Slot]
    prepared: Sequence[Prepared]
    wal_bytes: float | None  # None where the role may not see it
    places: Sequence[Path]  # where the server keeps it, on its own machine; none where the role may not see it


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with dead rows, and at how many of them autovacuum is to come."""

    name: str
    live: float
    dead: float
    vacuum_at: float
    vacuumed_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What concerns one database: its tables with the most dead rows, and blocks found in the cache and read."""

    tables: Sequence[Table]
    hits: float
    reads: float


def storage_of(connection: psycopg.Connection[DictRow]) -> Storage:
    """Ask a server."""
    return Storage(
        databases=[DatabaseSize(**row) for row in connection.execute(DATABASES)],
        slots=[Slot(**row) for row in connection.execute(SLOTS)],
        prepared=[Prepared(**row) for row in connection.execute(PREPARED)],
        wal_bytes=next((row["size_bytes"] for row in _if_permitted(connection, WAL)), None),
        places=[Path(row["place"]) for row in _if_permitted(connection, PLACES)],
    )


def contents_of(connection: psycopg.Connection[DictRow]) -> Contents:
    """Ask a database."""
    cache = connection.execute(CACHE).fetchone() or {"hits": 0.0, "reads": 0.0}
    return Contents(tables=[Table(**row) for row in connection.execute(DEAD)], **cache)


def _if_permitted(connection: psycopg.Connection[DictRow], query: Any) -> list[Mapping[str, Any]]:
    try:
        return list(connection.execute(query))
    except psycopg.errors.InsufficientPrivilege:
        return []

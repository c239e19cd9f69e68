"""Probe of an application's own tables about its agents: read-only, bounded, every name quoted as an SQL identifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.jobs import epoch_seconds
from diagnostics.stack import Heartbeats, Runs

MAX_AGENTS = 1000
MAX_RUNS = 10_000  # the newest of the window
OLDEST = 5
TIMESTAMP_WITH_ZONE, TIMESTAMP, DATE = 1184, 1114, 1082  # pg_type.oid


@dataclass(frozen=True, slots=True)
class Beat:
    """An agent, how old its heartbeat is by the server's clock, and how often it should beat."""

    name: str
    age_seconds: float | None
    interval_seconds: float


@dataclass(frozen=True, slots=True)
class RunOf:
    """One run that is not over: its id and since when, by the server's clock."""

    id: str
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a tool ended."""

    tool: str
    state: str
    age_seconds: float | None


def beats(connection: psycopg.Connection[DictRow], table: Heartbeats) -> list[Beat]:
    """Give the agents, those that beat last first.

    Raises: CouldNotLook, NotPermitted.
    """
    query = sql.SQL(
        "SELECT {name}::text AS name, {at} AS at, {interval} AS interval, now() AS now FROM {table} "
        "ORDER BY {at} DESC NULLS LAST LIMIT {limit}"
    ).format(
        name=_column(table.name),
        at=_column(table.at),
        interval=_column(table.interval) if table.interval else sql.Literal(table.interval_seconds),
        table=_table(table.table),
        limit=MAX_AGENTS,
    )
    return [
        Beat(str(row["name"])[:200], _age(row["at"], row["now"]), _seconds(row["interval"], table.interval_seconds))
        for row in _asked(connection, table.table, query)
    ]


def states(connection: psycopg.Connection[DictRow], table: Runs, *, minutes: float) -> dict[str, int]:
    """Count the runs of the last minutes by state, the newest `MAX_RUNS` of them.

    Raises: CouldNotLook, NotPermitted.
    """
    recent = _recent(connection, table, [(table.state, "state")], minutes)
    query = sql.SQL("SELECT state::text AS state, count(*) AS count FROM ({}) AS recent GROUP BY 1").format(recent)
    return {str(row["state"]): int(row["count"]) for row in _asked(connection, table.table, query)}


def unfinished(connection: psycopg.Connection[DictRow], table: Runs) -> list[RunOf]:
    """Give the oldest runs that are not over.

    Raises: CouldNotLook, NotPermitted.
    """
    started = _column(table.started_at or table.at)
    query = sql.SQL(
        "SELECT {id}::text AS id, {started} AS started, now() AS now FROM {table} "
        "WHERE {state}::text = ANY({running}) ORDER BY {started} LIMIT {limit}"
    ).format(
        id=_column(table.id),
        started=started,
        table=_table(table.table),
        state=_column(table.state),
        running=sql.Literal(list(table.running)),
        limit=OLDEST,
    )
    found = _asked(connection, table.table, query)
    return [RunOf(str(row["id"])[:200], _age(row["started"], row["now"])) for row in found]


def outcomes(connection: psycopg.Connection[DictRow], table: Runs, *, minutes: float) -> list[Outcome]:
    """Give how the runs of the last minutes ended, by tool, the newest first.

    Raises: CouldNotLook, NotPermitted.
    """
    columns = [(table.tool or table.id, "tool"), (table.state, "state"), (table.at, "at")]
    recent = _recent(connection, table, columns, minutes)
    query = sql.SQL(
        "SELECT tool::text AS tool, state::text AS state, at, now() AS now FROM ({recent}) AS recent "
        "WHERE state::text = ANY({ended})"
    ).format(recent=recent, ended=sql.Literal([*table.succeeded, *table.failed]))
    return [
        Outcome(str(row["tool"])[:100], str(row["state"]), _age(row["at"], row["now"]))
        for row in _asked(connection, table.table, query)
    ]


def _recent(
    connection: psycopg.Connection[DictRow], table: Runs, columns: Sequence[tuple[str, str]], minutes: float
) -> sql.Composed:
    """Give a query for the newest runs of a window, whatever kind of time their column holds."""
    pairs = (sql.SQL("{} AS {}").format(_column(name), sql.Identifier(word)) for name, word in columns)
    selected = sql.SQL(", ").join(pairs)
    query = sql.SQL("SELECT {} FROM {} WHERE {} >= ").format(selected, _table(table.table), _column(table.at))
    query += _bound(connection, table, minutes)
    return query + sql.SQL(" ORDER BY {} DESC LIMIT {}").format(_column(table.at), MAX_RUNS)


def _bound(connection: psycopg.Connection[DictRow], table: Runs, minutes: float) -> sql.Composable:
    query = sql.SQL("SELECT {} AS at FROM {} LIMIT 1").format(_column(table.at), _table(table.table))
    with _sorted(connection, table.table):
        cursor = connection.execute(query)
        row, described = cursor.fetchone(), cursor.description
    window = sql.SQL("make_interval(secs => {})").format(sql.Literal(minutes * 60))
    type_code = described[0].type_code if described else TIMESTAMP_WITH_ZONE
    if type_code == TIMESTAMP_WITH_ZONE:
        return sql.SQL("now() - ") + window
    if type_code in {TIMESTAMP, DATE}:
        return sql.SQL("(now() AT TIME ZONE 'UTC') - ") + window  # what applications store there
    factor = 1000 if row and isinstance(row["at"], int | float | Decimal) and row["at"] > 1e11 else 1
    return sql.SQL("(extract(epoch FROM now() - {}) * {})").format(window, sql.Literal(factor))


def _asked(connection: psycopg.Connection[DictRow], table: str, query: sql.Composed) -> list[Mapping[str, Any]]:
    with _sorted(connection, table):
        return list(connection.execute(query).fetchall())


@contextmanager
def _sorted(connection: psycopg.Connection[DictRow], table: str) -> Iterator[None]:
    """Say what keeps a table from being read, in words that help."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        text = f"{connection.info.user} may not read {table}: GRANT SELECT ON {table} TO {connection.info.user}"
        raise NotPermitted(text, target=table) from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName) as error:
        text = f"[agents] does not fit the database: {' '.join(str(error).split())[:300]}"
        raise CouldNotLook(text, code="agents.no_such_table", target=table) from None
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        text = f"{table} gave no answer in time; does it have an index on the column of its times?"
        raise CouldNotLook(text, code="postgres.statement_timeout", target=table) from None
    except psycopg.Error as error:
        text = f"{table} cannot be read: {' '.join(str(error).split())[:300]}"
        raise CouldNotLook(text, code="postgres.query_failed", target=table) from None


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _column(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _age(value: Any, now: datetime) -> float | None:
    """Give how old a time is, whatever kind its column holds; one ahead of the server's clock counts as now."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return max((now - at).total_seconds(), 0.0)
    seconds = epoch_seconds(float(value) if isinstance(value, Decimal) else value)
    return None if seconds is None else max(now.timestamp() - seconds, 0.0)


def _seconds(value: Any, otherwise: float) -> float:
    try:
        seconds = float(value.total_seconds() if hasattr(value, "total_seconds") else value)
    except (TypeError, ValueError):
        return otherwise
    return seconds if seconds > 0 else otherwise

"""Probe of pg_stat_statements: what statements cost, counted since the last reset of the statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from diagnostics.probes.sql_text import normalized

MAX_STATEMENTS = 2_000
HIDDEN = "<insufficient privilege>"
SCHEMA = "SELECT extnamespace::regnamespace::text AS name FROM pg_extension WHERE extname = 'pg_stat_statements'"
# Grouped, as the same statement of several roles is one for us. The watching role's own statements do not count. An
# older version of the extension may lag behind its server: its columns are taken by name, as far as they are there.
STATEMENTS = """
SELECT d.datname AS database, s.queryid::text AS id, sum(s.calls)::float AS calls,
       sum(coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float)::float AS milliseconds,
       min(s.query) AS text
FROM {} s JOIN pg_database d ON d.oid = s.dbid
WHERE s.userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
GROUP BY 1, 2 ORDER BY 4 DESC NULLS LAST LIMIT {}
"""


class StatementsAbsent(Exception):
    """The server keeps no such statistics; `code` is pgss.absent or pgss.not_loaded."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of a statement, and the time that they took."""

    calls: float
    milliseconds: float

    @property
    def mean(self) -> float:
        """Give the milliseconds of one call."""
        return self.milliseconds / self.calls if self.calls > 0 else 0.0

    def since(self, earlier: Cost | None) -> Cost:
        """Give what has been added; everything where there is no earlier figure, or the statistics were reset."""
        if earlier is None or earlier.calls > self.calls or earlier.milliseconds > self.milliseconds:
            return self
        return Cost(self.calls - earlier.calls, self.milliseconds - earlier.milliseconds)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of one database."""

    database: str
    id: str
    text: str  # without literals
    cost: Cost

    @property
    def key(self) -> str:
        """Give what tells it from others, also in later runs."""
        return f"{self.database} {self.id}"


def statements_of(connection: psycopg.Connection[DictRow]) -> tuple[Mapping[str, Statement], int]:
    """Give the costliest statements by key, and of how many the text may not be seen.

    Raises: StatementsAbsent.
    """
    found = connection.execute(SCHEMA).fetchone()
    if found is None:
        text = "the extension pg_stat_statements is not there: CREATE EXTENSION pg_stat_statements"
        raise StatementsAbsent("pgss.absent", text)
    view = sql.SQL(found["name"]) + sql.SQL(".pg_stat_statements")
    try:
        rows = connection.execute(sql.SQL(STATEMENTS).format(view, sql.Literal(MAX_STATEMENTS))).fetchall()
    except psycopg.errors.ObjectNotInPrerequisiteState:
        text = "pg_stat_statements is not loaded: add it to shared_preload_libraries and restart the server"
        raise StatementsAbsent("pgss.not_loaded", text) from None
    return {one.key: one for one in map(_statement, _seen(rows))}, len(rows) - len(_seen(rows))


def _seen(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["id"] is not None and row["text"] != HIDDEN]


def _statement(row: Mapping[str, Any]) -> Statement:
    cost = Cost(float(row["calls"] or 0), float(row["milliseconds"] or 0))
    return Statement(str(row["database"]), str(row["id"]), normalized(str(row["text"] or "")), cost)

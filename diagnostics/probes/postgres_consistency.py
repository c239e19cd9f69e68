"""Probe of what PostgreSQL knows to be wrong with its own data, and of sequences that lag behind their columns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

# A partitioned index is invalid until all of its parts are attached, and one is being built until it is done: neither
# is what a failed CREATE INDEX CONCURRENTLY leaves behind.
INVALID_INDEXES = """
SELECT i.indexrelid::regclass::text AS index, i.indrelid::regclass::text AS table, i.indisunique AS is_unique
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relkind = 'i' AND NOT (i.indisvalid AND i.indisready)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) ORDER BY 1
"""
# Those that are not enforced (PostgreSQL 18) are meant not to be validated.
NOT_VALIDATED = """
SELECT c.conname AS constraint, c.conrelid::regclass::text AS table, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c
WHERE NOT c.convalidated AND c.contype IN ('c', 'f', 'n') AND c.conrelid <> 0
  AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) ORDER BY 2, 1
"""
CHECKSUMS = """
SELECT checksum_failures::float AS failures, checksum_last_failure::text AS last
FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0
"""
# By the database's default, and by collations that columns name (PostgreSQL 15 and later know the former).
COLLATIONS = """
SELECT 'the default of the database' AS collation, to_jsonb(d) ->> 'datcollversion' AS stored,
       pg_collation_actual_version(c.oid) AS actual
FROM pg_database d JOIN pg_collation c ON c.collname = 'default'
WHERE d.datname = current_database() AND to_jsonb(d) ->> 'datcollversion' IS NOT NULL
  AND to_jsonb(d) ->> 'datcollversion' <> pg_collation_actual_version(c.oid)
UNION ALL
SELECT DISTINCT c.collname, c.collversion, pg_collation_actual_version(c.oid)
FROM pg_collation c JOIN pg_attribute a ON a.attcollation = c.oid AND a.attnum > 0 JOIN pg_class r ON r.oid = a.attrelid
WHERE r.relkind IN ('r', 'p', 'm') AND c.collversion <> pg_collation_actual_version(c.oid)
"""
# Columns that take their value from a sequence, by default or by identity, and that lead an index: then their highest
# value is found without reading the table.
SEQUENCES = """
SELECT DISTINCT s.oid::regclass::text AS sequence, n.nspname AS schema, t.relname AS table, a.attname AS column
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND has_column_privilege(t.oid, a.attnum, 'SELECT')
  AND CASE WHEN s.relkind = 'S' THEN has_sequence_privilege(s.oid, 'SELECT') END
  AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indkey[0] = a.attnum AND i.indisvalid)
ORDER BY 1 LIMIT 2000
"""
BEHIND = """
SELECT s.last_value::float AS value, s.is_called, p.seqincrement::float AS step,
       (SELECT max({column})::float FROM {schema}.{table}) AS highest
FROM {sequence} s, pg_sequence p WHERE p.seqrelid = {name}::regclass
"""
AMCHECK = """
SELECT n.nspname AS name FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'
"""
INDEXES = """
SELECT c.oid, c.oid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND i.indisvalid AND i.indisready
ORDER BY c.relpages, c.oid
"""
CORRUPT = (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: what, and how it is, in words."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What amcheck has found, and how many indexes it came to see."""

    faults: Sequence[Fault]
    checked: int
    of: int


def invalid_indexes(connection: psycopg.Connection[DictRow]) -> list[Fault]:
    """Give indexes that cost writes and help no query."""
    rows = connection.execute(INVALID_INDEXES)
    return [Fault(row["index"], f"on {row['table']}{', unique' if row['is_unique'] else ''}") for row in rows]


def not_validated(connection: psycopg.Connection[DictRow]) -> list[Fault]:
    """Give constraints that older rows may break."""
    rows = connection.execute(NOT_VALIDATED)
    return [Fault(f"{row['constraint']} of {row['table']}", row["definition"]) for row in rows]


def checksum_failures(connection: psycopg.Connection[DictRow]) -> list[Fault]:
    """Give what the server has counted of blocks that were not what had been written."""
    rows = connection.execute(CHECKSUMS)
    return [Fault(f"{row['failures']:.0f} blocks", f"the last at {row['last']}") for row in rows]


def changed_collations(connection: psycopg.Connection[DictRow]) -> list[Fault]:
    """Give collations whose library sorts otherwise than when indexes were built."""
    rows = connection.execute(COLLATIONS)
    return [Fault(row["collation"], f"version {row['stored']}, the library has {row['actual']}") for row in rows]


def sequences_behind(connection: psycopg.Connection[DictRow], *, ends_at: float) -> tuple[list[Fault], int]:
    """Give the sequences whose next value the column has had already, and how many were looked at."""
    faults, count = list[Fault](), 0
    for row in connection.execute(SEQUENCES).fetchall():
        if time.monotonic() > ends_at:
            break
        found = connection.execute(_behind(row)).fetchone()
        count += 1
        if found is None or found["highest"] is None or found["step"] < 0:
            continue
        following = found["value"] + (found["step"] if found["is_called"] else 0)
        if following <= found["highest"]:
            text = f"its next value is {following:.0f}, and {row['table']}.{row['column']} has {found['highest']:.0f}"
            faults.append(Fault(row["sequence"], text))
    return faults, count


def _behind(row: DictRow) -> sql.Composed:
    return sql.SQL(BEHIND).format(
        column=sql.Identifier(row["column"]),
        schema=sql.Identifier(row["schema"]),
        table=sql.Identifier(row["table"]),
        sequence=sql.SQL(row["sequence"]),  # a regclass as text, which is quoted where it must be
        name=sql.Literal(row["sequence"]),
    )


def verify_indexes(connection: psycopg.Connection[DictRow], *, ends_at: float) -> Verified | None:
    """Let amcheck look at the B-trees, the small ones first; None where it is not there or not permitted."""
    found = connection.execute(AMCHECK).fetchone()
    if found is None:
        return None
    statement = sql.SQL("SELECT {}.bt_index_check(%s::oid::regclass)").format(sql.Identifier(found["name"]))
    indexes = connection.execute(INDEXES).fetchall()
    faults, checked = list[Fault](), 0
    for index in indexes:
        if time.monotonic() > ends_at:
            break
        try:
            connection.execute(statement, [index["oid"]])
        except CORRUPT as error:
            faults.append(Fault(index["name"], " ".join(str(error).split())))
        except psycopg.errors.InsufficientPrivilege:
            return None
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
            continue  # too large, busy or gone
        checked += 1
    return Verified(faults, checked, len(indexes))


def all_lines(kind: str, faults: Sequence[Fault]) -> Iterator[str]:
    """Give a line per fault, as evidence shows it."""
    return (f"{kind}: {fault.what}: {fault.text}" for fault in faults)

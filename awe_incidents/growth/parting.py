"""Turn a table into months, for migrations: rows, indexes, guards and rights are carried over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.special import RunPython
from django.utils import timezone

from awe_incidents.growth.operations import MONTHS_AHEAD
from awe_incidents.monthly import END_OF_BEFORE, month_of, months_later


def part_by_month(*tables: str) -> RunPython:
    """Part these tables by the month that their ids carry.

    In a migration of its own, after the tables' constraints and indexes are there; their `id` is a MonthlyId. What is
    unique there is unique within a month only, which holds where such rows are made in one transaction. Foreign keys
    that point at the tables go: they would keep months from being dropped. There is no way back.
    """

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        with editor.connection.cursor() as cursor:
            for table in tables:
                _part(cursor, table)
            now = month_of(timezone.now())
            cursor.execute("SELECT make_months(%s, %s)", [now, months_later(now, MONTHS_AHEAD)])

    return RunPython(forwards)


def _part(cursor: Any, table: str) -> None:
    plan = _read(cursor, table)
    for statement in (*_put_aside(cursor, table), *_create(table), *plan.for_table()):
        cursor.execute(statement)
    cursor.execute("SELECT make_partition(%s, %s, %s)", [f"{table}_default", table, table])
    for columns, condition in plan.unique:
        cursor.execute(f"CREATE UNIQUE INDEX ON {table}_default ({columns}){condition}")
    cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT")
    _keep_or_drop(cursor, plan)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a table had."""

    table: str
    key: str
    foreign_keys: Sequence[tuple[str, str]]
    indexes: Sequence[str]
    unique: Sequence[tuple[str, str]]  # columns and condition
    triggers: Sequence[tuple[str, str, str]]  # name, definition, when it fires
    rights: Sequence[tuple[str, str, str]]  # privilege, column or "", role

    def roles(self) -> Sequence[str]:
        return sorted({role for _, _, role in self.rights} | {"PUBLIC"})

    def for_table(self) -> Iterator[str]:
        yield f"ALTER TABLE {self.table} ADD CONSTRAINT {self.key} PRIMARY KEY (id)"
        yield from self.indexes
        for name, definition in self.foreign_keys:
            yield f"ALTER TABLE {self.table} ADD CONSTRAINT {name} {definition}"
        for name, definition, fires in self.triggers:
            yield definition
            if fires == "A":
                yield f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {name}"
        for role in self.roles():
            yield f"REVOKE ALL ON {self.table} FROM {role}"  # what the schema gives to every new table
        for privilege, column, role in self.rights:
            yield f"GRANT {privilege}{column and f' ({column})'} ON {self.table} TO {role}"


def _read(cursor: Any, table: str) -> _Plan:
    def rows(query: str) -> list[Any]:
        cursor.execute(query, [table])
        return list(cursor.fetchall())

    constraints = rows(
        "SELECT conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass"
    )
    indexes = rows(
        "SELECT pg_get_indexdef(indexrelid), indisunique FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT indisprimary ORDER BY indexrelid"
    )
    return _Plan(
        table=table,
        key=next(name for name, kind, _ in constraints if kind == "p"),
        foreign_keys=[(name, definition) for name, kind, definition in constraints if kind == "f"],
        indexes=[definition for definition, is_unique in indexes if not is_unique],
        unique=[_columns_of(definition) for definition, is_unique in indexes if is_unique],
        triggers=rows(
            "SELECT tgname, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal"
        ),
        rights=rows(_RIGHTS),
    )


_RIGHTS = """
WITH it AS (SELECT oid, relacl, relowner FROM pg_class WHERE oid = %s::regclass),
     given AS (SELECT acl.privilege_type, '' AS attname, acl.grantee FROM it, aclexplode(relacl) acl
               UNION ALL
               SELECT acl.privilege_type, attname, acl.grantee
               FROM it JOIN pg_attribute ON attrelid = oid, aclexplode(attacl) acl)
SELECT privilege_type, attname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
FROM given WHERE grantee <> (SELECT relowner FROM it)
"""


def _columns_of(definition: str) -> tuple[str, str]:
    match = re.fullmatch(r".* USING btree \((?P<columns>.*?)\)(?P<condition>(?: WHERE .*)?)", definition)
    assert match is not None, definition
    return match["columns"], match["condition"]


def _put_aside(cursor: Any, table: str) -> Iterator[str]:
    """Rename the table and free the names that the new one takes."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND confrelid = %s::regclass",
        [table],
    )
    for referring, name in cursor.fetchall():
        yield f"ALTER TABLE {referring} DROP CONSTRAINT {name}"
    cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
    for (name,) in cursor.fetchall():
        yield f"DROP TRIGGER {name} ON {table}"  # a partition gets its table's
    yield f"ALTER TABLE {table} RENAME TO {table}_before"
    cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", [table])
    for (name,) in cursor.fetchall():
        yield f"ALTER INDEX {name} RENAME TO {name[:56]}_before"
    yield f"ALTER TABLE {table}_before ALTER id DROP IDENTITY IF EXISTS"


def _create(table: str) -> Iterator[str]:
    parts = "DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS INCLUDING GENERATED"
    yield f"CREATE TABLE {table} (LIKE {table}_before INCLUDING {parts}) PARTITION BY RANGE (id)"
    yield f"CREATE SEQUENCE {table}_id_seq OWNED BY {table}.id"
    yield f"ALTER TABLE {table} ALTER id SET DEFAULT next_month_id('{table}_id_seq')"


def _keep_or_drop(cursor: Any, plan: _Plan) -> None:
    """Let the old table become the partition of the old ids as it is; where it is empty there is none."""
    old = f"{plan.table}_before"
    cursor.execute(f"TABLE {old} LIMIT 1")
    if not cursor.fetchone():
        cursor.execute(f"DROP TABLE {old}")
        return
    for role in plan.roles():
        cursor.execute(f"REVOKE ALL ON {old} FROM {role}")
    cursor.execute(f"ALTER TABLE {plan.table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({END_OF_BEFORE})")

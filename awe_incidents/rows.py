"""Insert the rows of one change in one message to PostgreSQL: most of a small insert's time is its round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any, TypeAlias

import psycopg
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

from awe_incidents.monthly import MonthlyId

# Columns whose values go to the driver as they are; asking each field for its form took as long as the message itself.
PLAIN = frozenset(
    {models.CharField, models.TextField, models.BooleanField, models.IntegerField, models.BigIntegerField}
    | {models.PositiveIntegerField, models.PositiveSmallIntegerField, models.ForeignKey}
)
AS_IS = frozenset({str, int, bool, type(None)})
Column: TypeAlias = "models.Field[Any, Any]"


def reserve_ids(*kinds: type[models.Model]) -> list[int]:
    """Take the next id of each kind, so that rows can name each other before any is inserted."""
    with connection.cursor() as cursor:
        cursor.execute(next_ids(*kinds))
        return list(cursor.fetchone() or ())


def next_ids(*kinds: type[models.Model], beside: str = "") -> str:
    """Give the statement that takes the next id of each kind; the value of `beside`, SQL of ours, comes first."""
    return f"SELECT {', '.join([*filter(None, [beside]), *map(_next_id, kinds)])}"


@cache
def _next_id(kind: type[models.Model]) -> str:
    sequence = f"pg_get_serial_sequence('{kind._meta.db_table}', 'id')"  # a name of ours
    return f"next_month_id({sequence})" if isinstance(kind._meta.pk, MonthlyId) else f"nextval({sequence})"


def insert_together(rows: Iterable[models.Model]) -> None:
    """Insert new rows of several kinds in the order given; an id that a row lacks is not read back.

    One message may hold several statements as the driver puts the values in itself (psycopg's ClientCursor, which
    Django uses unless told otherwise).
    """
    rows = list(rows)
    if not rows:
        return
    with connection.cursor() as cursor:
        # Values are put in statement by statement: the driver remembers what it parsed of short ones only.
        statements = [cursor.mogrify(*_statement(kind, list(group))) for kind, group in groupby(rows, type)]
        cursor.execute("; ".join(statements))
        for _ in statements:
            cursor.nextset()
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def insert_or_hold(rows: Sequence[models.Model]) -> None:
    """Insert rows of one kind that are new by their key, in the order given, and lock those that are there.

    Each row by itself, so that no other can go between the one and the other; nothing is written to what is there.
    """
    if not rows:
        return
    kind = type(rows[0])
    key, *others = sorted(_columns(kind, True), key=lambda field: not field.primary_key)
    key_name, other_name = (connection.ops.quote_name(str(field.column)) for field in (key, others[0]))
    insert, values = _statement(kind, rows)
    _send(f"{insert} ON CONFLICT ({key_name}) DO UPDATE SET {other_name} = EXCLUDED.{other_name} WHERE false", values)


def insert_large(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one kind that hold many bytes."""
    if rows:
        _send(*_statement(type(rows[0]), rows))


def _send(statement: str, values: Sequence[Any]) -> None:
    """Send values apart from the statement: bytes go as they are, not as twice as many digits to be read back."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values)  # names of ours only


def _statement(kind: type[models.Model], rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    has_id, values = rows[0].pk is not None, list[Any]()
    texts = [_placeholders(row, _columns(kind, has_id), values) for row in rows]
    return f"{_beginning(kind, has_id)} {', '.join(texts)}", values


@cache
def _columns(kind: type[models.Model], has_id: bool) -> tuple[Column, ...]:
    return tuple(field for field in kind._meta.local_concrete_fields if has_id or not field.primary_key)


@cache
def _beginning(kind: type[models.Model], has_id: bool) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in _columns(kind, has_id))
    return f"INSERT INTO {quote(kind._meta.db_table)} ({columns}) VALUES"  # names of ours only


def _placeholders(row: models.Model, columns: tuple[Column, ...], values: list[Any]) -> str:
    """Add a row's values and give its placeholders; what the database fills in or works out stands there as SQL."""
    texts = []
    for field in columns:
        is_plain = type(field) in PLAIN
        value = getattr(row, field.attname) if is_plain else field.pre_save(row, add=True)
        if is_plain and type(value) in AS_IS:
            texts.append("%s")
            values.append(value)
        elif isinstance(value, DatabaseDefault):
            texts.append("DEFAULT")
        elif hasattr(value, "resolve_expression"):
            text, more = _compiled(type(row), value)
            texts.append(text)
            values.extend(more)
        else:
            texts.append("%s")
            values.append(field.get_db_prep_save(value, connection))
    return f"({', '.join(texts)})"


def _compiled(kind: type[models.Model], expression: Any) -> tuple[str, Sequence[Any]]:
    query = InsertQuery(kind)
    resolved = expression.resolve_expression(query, allow_joins=False, for_save=True)
    text, values = query.get_compiler(connection=connection).compile(resolved)
    return text, values

"""Let operations play a story, take the rows that they wrote, and roll all of it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.apps import apps
from django.db import connection, models, transaction

from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.growth.contents import Kind as ContentKind
from awe_incidents.growth.models import Content, Walk
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport
from awe_incidents.monthly import MonthlyId

Kind = type[models.Model]
Begun = TypeVar("Begun")
APPS = {"diagnostics", "incidents"}
APART = 101  # ids between two captures, times another number for each table: no two tables differ by the same


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one kind: columns and, in the order of ids, a line each as COPY has it."""

    kind: Kind
    columns: Sequence[str]
    ids: Sequence[int]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Capture:
    """What a story left behind."""

    tables: Sequence[Table]
    entries: Sequence[Entry]
    disclosures: Sequence[Disclosure]
    contents: Sequence[Content]
    fields: Mapping[str, str]  # of the report, as stored


def use_one_snapshot() -> datetime:
    """Let the transaction that begins see nothing that others commit meanwhile; gives its time, as `now()` is."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def captures(begin: Callable[[], Begun], branches: Sequence[Callable[[Begun], None]]) -> Iterator[Capture]:
    """Play how a story begins and, from there, each way in which it goes on; gives the capture of each whole story.

    Nothing of it stays. Within a transaction of one snapshot.
    """
    last = {kind: _last_id(kind) for kind in kinds()}
    with _undone():
        begun = begin()
        for branch in branches:
            with _undone():
                branch(begun)
                yield _taken(last)


class _undone:  # noqa: N801  used as a statement
    """A savepoint that is rolled back however it is left."""

    def __enter__(self) -> None:
        self._point = transaction.savepoint()

    def __exit__(self, *_: object) -> None:
        transaction.savepoint_rollback(self._point)


def skip_ids() -> None:
    """Let ids be other ones in the next capture, and differ by another number in each table."""
    for number, kind in enumerate(filter(has_own_ids, kinds()), start=1):
        fetch_ids(kind, APART * number)


def kinds() -> list[Kind]:
    """Give every table that operations write into and whose rows have a number, their own or that of their owner."""
    ours = [kind for kind in apps.get_models() if kind._meta.app_label in APPS]
    return [Entry, Disclosure, *(kind for kind in ours if not issubclass(kind, Content | Walk))]


def has_own_ids(kind: Kind) -> bool:
    """Say whether rows have numbers of their own."""
    return isinstance(kind._meta.pk, models.AutoField | models.BigAutoField)


def _last_id(kind: Kind) -> int:
    return kind._default_manager.aggregate(last=models.Max("pk"))["last"] or 0


def _taken(last: Mapping[Kind, int]) -> Capture:
    tables = [_table(kind, since) for kind, since in last.items()]
    entries = list(Entry.objects.filter(pk__gt=last[Entry]).order_by("pk"))
    report = BugReport.objects.filter(pk__gt=last[BugReport]).order_by("pk")[:1].get()
    return Capture(
        tables=tables,
        entries=entries,
        disclosures=list(Disclosure.objects.filter(entry__in=entries).order_by("pk")),
        contents=[row for table in tables for row in _contents(table)],
        fields={name: getattr(report, name) for name in TEMPLATE_FIELDS},
    )


def _table(kind: Kind, since: int) -> Table:
    columns = [str(one.column) for one in kind._meta.concrete_fields if not isinstance(one, models.GeneratedField)]
    assert kind._meta.pk is not None
    key_name = connection.ops.quote_name(str(kind._meta.pk.column))
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    wanted = f"SELECT {quoted} FROM {kind._meta.db_table} WHERE {key_name} > {since:d} ORDER BY {key_name}"  # noqa: S608  our names
    with connection.cursor() as cursor:
        copying: Any = cursor
        with copying.copy(f"COPY ({wanted}) TO STDOUT") as copy:
            text = b"".join(map(bytes, copy)).decode()
    lines = [line.split("\t") for line in text.splitlines()]
    key = columns.index(str(kind._meta.pk.column))
    return Table(kind, columns, [int(line[key]) for line in lines], lines)


def _contents(table: Table) -> Iterator[Content]:
    """Give the contents that rows refer to."""
    for one in table.kind._meta.concrete_fields:
        target = one.related_model
        if isinstance(target, type) and issubclass(target, Content):
            place = table.columns.index(str(one.column))
            kind: ContentKind = target
            yield from kind._default_manager.filter(pk__in={line[place] for line in table.lines})


def fetch_ids(kind: Kind, number: int) -> list[int]:
    """Take so many ids of a table."""
    function = "next_month_id" if isinstance(kind._meta.pk, MonthlyId) else "nextval"
    with connection.cursor() as cursor:
        # Looked up once: PostgreSQL would do it again for every id, which took longer than to give it.
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [kind._meta.db_table])
        (sequence,) = cursor.fetchone()
        wanted = f"SELECT {function}(%s::regclass) FROM generate_series(1, %s)"  # noqa: S608  our names
        cursor.execute(wanted, [sequence, number])
        return [row[0] for row in cursor.fetchall()]

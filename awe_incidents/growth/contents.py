"""Contents under their digest: keep them safely beside the collector, and collect what nobody refers to.

Keeping holds every content that is about to be referred to by the lock of its row until the transaction ends.
The collector takes rows that nobody holds, looks again, now that nobody can come between, and removes them. So neither
a grace period nor a column that says when is needed; the foreign keys, which must be real ones, refuse a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from awe_incidents.growth.models import Content, Walk
from awe_incidents.rows import insert_or_hold

Kind = type[Content]


def keep(contents: Iterable[Content]) -> None:
    """Store contents of one kind that are new, and hold all of them until the running transaction ends.

    Always in the order of their digests, so that two who keep the same do not wait for each other in a circle; for the
    same reason a transaction keeps once.
    """
    rows = {one.pk: one for one in contents}
    insert_or_hold([rows[digest] for digest in sorted(rows)])


def hold(kind: Kind, digests: Iterable[str]) -> set[str]:
    """Hold contents that are there until the transaction ends, by a lock that others may share; gives their digests."""
    chosen = f"FROM {_table(kind)} WHERE sha256 = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sha256 {chosen} ORDER BY sha256 FOR KEY SHARE", [list(digests)])
        return {row[0] for row in cursor.fetchall()}


def kinds() -> list[Kind]:
    """Give every table of contents."""
    return [model for model in apps.get_models() if issubclass(model, Content)]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a step of the walk did: the digests that went, and whether the end was reached."""

    digests: Sequence[str]
    is_at_end: bool


@transaction.atomic
def collect_next(kind: Kind, *, batch: int) -> Collected:
    """Walk on by one batch of digests and remove those of it that nobody refers to.

    Where another process is walking there, this one does nothing and says that it is at the end.
    """
    Walk.objects.bulk_create([Walk(table=_table(kind))], ignore_conflicts=True)
    walk = Walk.objects.select_for_update(skip_locked=True).filter(pk=_table(kind)).first()
    if walk is None:
        return Collected((), is_at_end=True)
    digests = kind._default_manager.filter(pk__gt=walk.reached).order_by("pk").values_list("pk", flat=True)
    found = list(digests[:batch])
    removed = remove_unreferenced(kind, found)
    is_at_end = len(found) < batch
    walk.reached, walk.rounds = ("", walk.rounds + 1) if is_at_end else (found[-1], walk.rounds)
    walk.save()
    return Collected(removed, is_at_end)


@transaction.atomic
def remove_unreferenced(kind: Kind, among: Iterable[str]) -> list[str]:
    """Remove those of these contents that nobody refers to and nobody is about to; gives their digests."""
    nobody = " AND ".join(f"NOT EXISTS (SELECT FROM {table} WHERE {column} = sha256)" for table, column in _uses(kind))
    chosen = f"FROM {_table(kind)} WHERE sha256 = ANY(%s) AND {nobody}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sha256 {chosen} FOR UPDATE SKIP LOCKED", [list(among)])
        free = [row[0] for row in cursor.fetchall()]
        # Who committed between the look and the lock is seen by a second look only.
        cursor.execute(f"DELETE {chosen} RETURNING sha256", [free])
        return sorted(row[0] for row in cursor.fetchall())


def _uses(kind: Kind) -> list[tuple[str, str]]:
    """Give the table and column of every foreign key that points at a kind of contents."""
    relations: Iterable[Any] = kind._meta.related_objects
    keys = [one.field for one in relations if isinstance(one.field, models.ForeignKey)]
    return [(key.model._meta.db_table, str(key.column)) for key in keys]


def _table(kind: Kind) -> str:
    return kind._meta.db_table

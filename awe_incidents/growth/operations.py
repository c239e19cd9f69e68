"""Make the months ahead that rows will fall into, and collect contents that nobody refers to."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction

from awe_incidents.actor import service
from awe_incidents.audit import trail
from awe_incidents.growth import contents
from awe_incidents.growth.models import Walk
from awe_incidents.monthly import month_of, months_later

MONTHS_AHEAD = 3
COLLECTING_SECONDS = 20.0  # of a round and table; the next round walks on
COLLECTING_BATCH = 1000
COLLECTOR = service("collector")


def make_months(*, at: datetime, back: int = 0) -> int:
    """Make the partitions of this month, the next ones, and so many back; say how many were made or mended.

    Raises: OperationalError, where somebody has held a table for a second; nothing was made, ask again later.
    """
    now = month_of(at)
    with connection.cursor() as cursor:
        cursor.execute("SELECT make_months(%s, %s)", [months_later(now, -back), months_later(now, MONTHS_AHEAD)])
        return int(cursor.fetchone()[0])


def drop_empty_months() -> int:
    """Drop the partitions of months that are over and whose rows are all gone; say how many.

    Raises: OperationalError, where somebody has held a table for a second; ask again later.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT drop_empty_months()")
        return int(cursor.fetchone()[0])


@contextmanager
def empty_months_kept() -> Iterator[None]:
    """Let no empty month be dropped while this connection fills months of the past."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared('pg_inherits'::regclass::oid::int, 1)")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_shared('pg_inherits'::regclass::oid::int, 1)")


def rows_outside_months() -> Mapping[str, int]:
    """Count, by table, the rows that found no month and lie in the default partition; there should be none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, number FROM rows_outside_months()")
        return dict(cursor.fetchall())


def collect_contents(*, at: datetime, for_seconds: float = COLLECTING_SECONDS) -> int:
    """Walk through every table of contents for a while and remove what nobody refers to; says how many went."""
    number = 0
    for kind in contents.kinds():
        until = time.monotonic() + for_seconds
        while True:
            done = _collect_step(kind, at=at)
            number += len(done.digests)
            if done.is_at_end or time.monotonic() > until:
                break
    return number


@transaction.atomic
def _collect_step(kind: contents.Kind, *, at: datetime) -> contents.Collected:
    done = contents.collect_next(kind, batch=COLLECTING_BATCH)
    if done.digests:
        digest = hashlib.sha256("\n".join(done.digests).encode()).hexdigest()
        trail.record(
            "contents:collected",
            subject=Walk(pk=kind._meta.db_table),
            by=COLLECTOR,
            at=at,
            data={"number": len(done.digests), "digest": digest},
        )
    return done

"""Make the months ahead that rows will fall into."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from awe_incidents.monthly import month_of, months_later

MONTHS_AHEAD = 3


def make_months(*, at: datetime, back: int = 0) -> int:
    """Make the partitions of this month, the next ones, and so many back; say how many were made or mended.

    Raises: OperationalError, where somebody has held a table for a second; nothing was made, ask again later.
    """
    now = month_of(at)
    with connection.cursor() as cursor:
        cursor.execute("SELECT make_months(%s, %s)", [months_later(now, -back), months_later(now, MONTHS_AHEAD)])
        return int(cursor.fetchone()[0])


def rows_outside_months() -> Mapping[str, int]:
    """Count, by table, the rows that found no month and lie in the default partition; there should be none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, number FROM rows_outside_months()")
        return dict(cursor.fetchall())

"""Ids that carry their month, as rows of tables that are parted by month have them: 202611 * 10**9 + a count.

They are bigints below 2**53, grow strictly within a table, and say by themselves in which partition a row lies.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    BigId = models.BigAutoField[int, int]
else:
    from django.db.models import BigAutoField as BigId

IDS_PER_MONTH = 10**9
END_OF_BEFORE = 100_000 * IDS_PER_MONTH  # ids from before there were months are below; they were counted from 1
_CLOCKS_DIFFER = timedelta(days=1)  # at most, ours and the database's


class MonthlyId(BigId):
    """The id of a table that is parted by month; the database's `next_month_id()` gives it."""


def month_of(at: datetime) -> int:
    """Give the month of a time as 202611."""
    at = at.astimezone(UTC)
    return at.year * 100 + at.month


def months_later(month: int, number: int) -> int:
    """Give the month so many months after (or, negative, before) this one."""
    months = month // 100 * 12 + month % 100 - 1 + number
    return months // 12 * 100 + months % 12 + 1


def first_id(month: int) -> int:
    """Give what every id of a month is above."""
    return month * IDS_PER_MONTH


def made_since(at: datetime) -> Q:
    """Give the condition for rows that were made since a time: PostgreSQL looks at no older month.

    It may let older rows through, those from before there were months all of them, and keeps none back that is younger.
    """
    oldest = first_id(month_of(min(at, timezone.now()) - _CLOCKS_DIFFER))
    return Q(id__gte=oldest) | Q(id__lt=END_OF_BEFORE)

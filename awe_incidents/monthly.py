"""Ids that carry their month, as rows of tables that are parted by month have them: 202611 * 10**9 + a count.

They are bigints below 2**53, grow strictly within a table, and say by themselves in which partition a row lies.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    BigId = models.BigAutoField[int, int]
else:
    from django.db.models import BigAutoField as BigId

IDS_PER_MONTH = 10**9


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

"""Rows of many incidents from molds, by COPY."""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from random import Random
from typing import Any

from django.db import connection

from awe_incidents.audit.event_id import RANDOM_BYTES, event_id_of
from awe_incidents.incidents.seeding.capturing import Kind, fetch_ids
from awe_incidents.incidents.seeding.molds import BETWEEN_TABLES, DIGEST, Mold
from awe_incidents.incidents.seeding.stories import MARKS
from awe_incidents.monthly import MonthlyId, month_of

AHEAD = 2000  # ids that are fetched at once
SALT_BYTES = 16
NOISE_BYTES = 65_536
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
_SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]


@dataclass(slots=True)
class Ids:
    """Gives ids: of past months by counting on from a base that nobody else counts from, others by the database."""

    this_month: int
    base_of: Callable[[str, int], int]  # by table and month
    _reached: dict[tuple[str, int], int] = field(default_factory=dict)
    _fetched: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))

    def of(self, mold: Mold, beginning: int) -> Iterator[str]:
        """Give the ids of an incident that began so many microseconds after 1970, in the order of the mold's slots."""
        for kind, times in mold.kinds:
            if isinstance(kind._meta.pk, MonthlyId):
                for month, rows in groupby(_month_of_day((beginning + after) // DAY) for after in times):
                    yield from map(str, self.take(kind, month, sum(1 for _ in rows)))
            else:
                yield from map(str, self._fetch(kind, len(times)))

    def take(self, kind: Kind, month: int, number: int) -> range | list[int]:
        """Give the next ids for so many rows of a month."""
        if month >= self.this_month:
            return self._fetch(kind, number)
        table = kind._meta.db_table
        last = self._reached.get((table, month)) or self.base_of(table, month)
        self._reached[table, month] = last + number
        return range(last + 1, last + number + 1)

    def _fetch(self, kind: Kind, number: int) -> list[int]:
        fetched = self._fetched[kind._meta.db_table]
        if len(fetched) < number:
            fetched.extend(fetch_ids(kind, AHEAD))
        return [fetched.popleft() for _ in range(number)]


@dataclass(slots=True)
class Noise:
    """Random bytes of the system, fetched many at once: to ask for a few costs as much (a quarter of all, measured)."""

    _bytes: bytes = field(default=b"", repr=False)
    _taken: int = 0

    def take(self, size: int) -> bytes:
        """Give so many bytes, which nobody gets again."""
        if self._taken + size > len(self._bytes):
            self._bytes, self._taken = os.urandom(NOISE_BYTES), 0
        self._taken += size
        return self._bytes[self._taken - size : self._taken]

    def uuid(self) -> str:
        """Give the text of a new event id."""
        return str(event_id_of(time.time_ns() // 1_000_000, self.take(RANDOM_BYTES)))


@dataclass(slots=True)
class Batch:
    """What COPY takes by statement, until it is written together."""

    ids: Ids
    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    noise: Noise = field(default_factory=Noise)

    def cast(self, mold: Mold, *, began_at: datetime, chance: Random) -> None:
        """Add the rows of one incident."""
        texts = mold.rows.filled(self._values(mold, began_at, chance)).split(BETWEEN_TABLES)
        for statement, text in zip(mold.statements, texts, strict=True):
            self.texts[statement].append(text)

    def _values(self, mold: Mold, began_at: datetime, chance: Random) -> dict[str, str]:
        beginning = (began_at - EPOCH) // MICROSECOND
        values = dict(zip(mold.ids, self.ids.of(mold, beginning), strict=True))
        for slot, after in mold.times.items():
            values[slot] = written(beginning + after)
        for mark in MARKS:
            values[mark] = _word(chance)
        for slot in mold.uuids:
            values[slot] = self.noise.uuid()
        values[DIGEST] = hashlib.sha256(mold.report.filled(values).encode()).hexdigest()
        for of_salt, of_seal, form in mold.sealed:
            salt = self.noise.take(SALT_BYTES)
            values[of_salt], values[of_seal] = salt.hex(), sealed(salt, form.filled(values))
        return values

    def write(self) -> None:
        """Send everything, within the running transaction."""
        for statement, texts in self.texts.items():
            with connection.cursor() as cursor:
                copying: Any = cursor
                with copying.copy(statement) as copy:
                    copy.write("".join(texts))
        self.texts.clear()


def sealed(salt: bytes, text: str) -> str:
    """Give the commitment to a text, without the checks of `canonical.commitment`, which the tests compare it with."""
    return "sha256:" + hashlib.sha256(b"\x02" + bytes([len(salt)]) + salt + text.encode()).hexdigest()


def written(microseconds: int) -> str:
    """Give a time, in microseconds since 1970, as `isoformat` writes it, with Z; by tables, as there are millions."""
    days, within = divmod(microseconds, DAY)
    minutes, within = divmod(within, MINUTE)
    return f"{_date(days)}T{_clock(minutes)}:{within // SECOND:02d}.{within % SECOND:06d}Z"


@cache
def _date(days: int) -> str:
    return (EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")


@cache
def _clock(minutes: int) -> str:
    return (EPOCH + timedelta(minutes=minutes)).strftime("%H:%M")


@cache
def _month_of_day(days: int) -> int:
    return month_of(EPOCH + timedelta(days=days))


def _word(chance: Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=4))

"""Rows of many incidents from molds, by COPY."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from django.db import connection

from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents.reports import digest_of
from awe_incidents.incidents.seeding.capturing import Kind, fetch_ids
from awe_incidents.incidents.seeding.molds import DISCLOSURE_COLUMNS, ENTRY_COLUMNS, EntryForm, Mold
from awe_incidents.monthly import MonthlyId, month_of

AHEAD = 2000  # ids that are fetched at once
SALT_BYTES = 16
_SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]


@dataclass(slots=True)
class Ids:
    """Gives ids: of past months by counting on from a base that nobody else counts from, others by the database."""

    this_month: int
    base_of: Callable[[str, int], int]  # by table and month
    _reached: dict[tuple[str, int], int] = field(default_factory=dict)
    _fetched: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))

    def take(self, kind: Kind, month: int) -> int:
        """Give the next id for a row of a month."""
        table = kind._meta.db_table
        if isinstance(kind._meta.pk, MonthlyId) and month < self.this_month:
            number = self._reached.get((table, month)) or self.base_of(table, month)
            self._reached[table, month] = number + 1
            return number + 1
        fetched = self._fetched[table]
        if not fetched:
            fetched.extend(fetch_ids(kind, AHEAD))
        return fetched.popleft()


@dataclass(slots=True)
class Batch:
    """Lines for COPY by statement, until they are written together."""

    ids: Ids
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def cast(self, mold: Mold, *, began_at: datetime, chance: Random) -> None:
        """Add the rows of one incident."""
        values = self._values(mold, began_at, chance)
        for kind, columns, form in mold.rows:
            self.lines[_statement(kind, tuple(columns))].append(form.filled(values))
        for entry in mold.entries:
            self._add_entry(entry, values, began_at)

    def _values(self, mold: Mold, began_at: datetime, chance: Random) -> list[str]:
        beginning = began_at.astimezone(UTC).replace(tzinfo=None)
        ids = [[str(self.ids.take(kind, _month(beginning, after))) for after in times] for kind, times in mold.kinds]
        values = [""] * len(mold.slots)
        for place, (kind, first, second) in enumerate(mold.slots):
            if kind == "id":
                values[place] = ids[first][second]
            elif kind == "time":
                values[place] = _written(beginning, first)
            elif kind == "mark":
                values[place] = _word(chance)
            elif kind == "uuid":
                values[place] = str(uuid.uuid4())
        if ("digest", 0, 0) in mold.slots:
            fields = {name: form.filled(values) for name, form in mold.fields.items()}
            values[mold.slots.index(("digest", 0, 0))] = digest_of(fields)
        return values

    def _add_entry(self, entry: EntryForm, values: list[str], began_at: datetime) -> None:
        number = self.ids.take(Entry, month_of(began_at))
        for name, form, place in entry.texts:
            salt, text = secrets.token_bytes(SALT_BYTES), form.filled(values)
            values[place] = sealed(salt, text)
            self.lines[_DISCLOSURES].append(f"{number}\t{name}\t\\\\x{salt.hex()}\t{_escaped(text)}\n")
        body = entry.body.filled(values).encode().hex()
        self.lines[_ENTRIES].append(f"{number}\t\\\\x{body}\t{entry.row.filled(values)}\n")

    def write(self) -> None:
        """Send everything, within the running transaction."""
        for statement, lines in self.lines.items():
            with connection.cursor() as cursor:
                copying: Any = cursor
                with copying.copy(statement) as copy:
                    copy.write("".join(lines))
        self.lines.clear()


_ENTRIES = f"COPY {Entry._meta.db_table} (id, body, {ENTRY_COLUMNS}) FROM STDIN"
_DISCLOSURES = f"COPY {Disclosure._meta.db_table} ({DISCLOSURE_COLUMNS}) FROM STDIN"


@cache
def _statement(kind: Kind, columns: tuple[str, ...]) -> str:
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    return f"COPY {kind._meta.db_table} ({quoted}) FROM STDIN"


def sealed(salt: bytes, text: str) -> str:
    """Give the commitment to a text, without the checks of `canonical.commitment`, which the tests compare it with."""
    return "sha256:" + hashlib.sha256(b"\x02" + bytes([len(salt)]) + salt + text.encode()).hexdigest()


def _month(beginning: datetime, after: int) -> int:
    at = beginning + timedelta(microseconds=after)
    return at.year * 100 + at.month


def _written(beginning: datetime, after: int) -> str:
    return (beginning + timedelta(microseconds=after)).isoformat(timespec="microseconds") + "Z"


def _word(chance: Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=4))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")

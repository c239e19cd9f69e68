"""From two captures of one story to a mold: what differs is an id, what is a time moves with the story.

A mold is a text with places for an incident's values. A difference that is no id, or two captures of different shapes,
are refused: then operations write something that a mold cannot follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents.reports import canonical_of, digest_of
from awe_incidents.incidents.seeding.capturing import Capture, Kind, Table, has_own_ids
from awe_incidents.incidents.seeding.stories import MARKS

BETWEEN_TABLES = "\f"  # no text of a story has it
DIGEST = "@@digest@@"  # of the report's fields
_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00(?::00)?|Z)"
_PUT_IN = "@@(?:digest|uuid [0-9]+|(?:salt|sealed) [0-9]+ [a-z._]+)@@"
_TOKENS = re.compile(f"({_TIME}|{_PUT_IN}|{'|'.join(MARKS)}|[0-9]+)")
_STORY_LASTS = timedelta(days=100)


class StoryNotCastable(Exception):
    """The operations write something that is neither constant nor an id nor a time of the story."""


@dataclass(frozen=True, slots=True)
class Form:
    """A text with places for values."""

    text: str
    slots: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """Give the text with an incident's values."""
        return self.text % tuple(map(values.__getitem__, self.slots))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mold:
    """One story, ready to be cast. Slots are named by what stands there."""

    kinds: Sequence[tuple[Kind, Sequence[int]]]  # with the time of each row, in microseconds after the beginning
    ids: Sequence[str]  # the slot of each of these rows
    times: Mapping[str, int]  # by slot, in microseconds after the beginning
    uuids: Sequence[str]
    sealed: Sequence[tuple[str, str, Form]]  # the slots of a salt and of a commitment, and the text
    report: Form  # what its digest is over
    statements: Sequence[str]  # COPY, of each table
    rows: Form  # what each of them takes


@dataclass(slots=True)
class _Slots:
    """Names what stands at a place, and knows which ids of the two captures are the same row's."""

    began_at: datetime
    pairs: Mapping[tuple[str, str], str]
    times: dict[str, int] = field(default_factory=dict)

    def form(self, one: str, other: str, *, where: str) -> Form:
        """Give the form of a text as two captures have it."""
        mine, others = _TOKENS.split(one), _TOKENS.split(other)
        if len(mine) != len(others):
            raise StoryNotCastable(f"{where}: two captures differ in shape")
        texts, slots = [], []
        for token, twin in zip(mine, others, strict=True):
            slot = self._slot(token, twin, where=where)
            texts.append("%s" if slot else token.replace("%", "%%"))
            if slot:
                slots.append(slot)
        return Form("".join(texts), tuple(slots))

    def _slot(self, token: str, twin: str, *, where: str) -> str | None:
        if token in MARKS or token.startswith("@@"):
            return token
        if (offset := self.offset_of(token)) is not None:
            self.times[f"time {offset}"] = offset
            return f"time {offset}"
        if token == twin:
            return None
        if (token, twin) not in self.pairs:
            raise StoryNotCastable(f"{where}: {token!r} and {twin!r} are not the ids of one row")
        return self.pairs[token, twin]

    def offset_of(self, token: str) -> int | None:
        """Give a time of the story in microseconds after its beginning."""
        if not re.fullmatch(_TIME, token):
            return None
        after = datetime.fromisoformat(token) - self.began_at
        return after // timedelta(microseconds=1) if abs(after) < _STORY_LASTS else None


def mold_of(one: Capture, other: Capture, *, began_at: datetime) -> Mold:
    """Give the mold of a story that was captured twice, with other ids.

    Raises: StoryNotCastable.
    """
    slots = _Slots(began_at, dict(_pairs(one, other)))
    tables = [(mine, twin) for mine, twin in zip(_tables(one), _tables(other), strict=True) if mine.lines]
    forms = [slots.form(_text(mine), _text(twin), where=mine.kind.__name__) for mine, twin in tables]
    return Mold(
        kinds=[(table.kind, _times(table, slots)) for table in _with_own_ids(one)],
        ids=list(slots.pairs.values()),
        times=slots.times,
        uuids=[f"@@uuid {number}@@" for number in range(len(one.entries))],
        sealed=list(_sealed(one, other, slots)),
        report=slots.form(canonical_of(one.fields), canonical_of(other.fields), where="report"),
        statements=[_statement(table) for table, _ in tables],
        rows=Form(BETWEEN_TABLES.join(form.text for form in forms), sum((form.slots for form in forms), ())),
    )


def _with_own_ids(capture: Capture) -> list[Table]:
    return [table for table in _tables(capture) if table.ids and has_own_ids(table.kind)]


def _pairs(one: Capture, other: Capture) -> Iterator[tuple[tuple[str, str], str]]:
    for table, twin in zip(_tables(one), _tables(other), strict=True):
        if len(table.lines) != len(twin.lines):
            raise StoryNotCastable(f"{table.kind.__name__}: two captures have different numbers of rows")
        if has_own_ids(table.kind):
            for row, (mine, others) in enumerate(zip(table.ids, twin.ids, strict=True)):
                yield (str(mine), str(others)), f"id {table.kind.__name__} {row}"


def _statement(table: Table) -> str:
    quoted = ", ".join(map(connection.ops.quote_name, table.columns))
    return f"COPY {table.kind._meta.db_table} ({quoted}) FROM STDIN"


def _text(table: Table) -> str:
    return "".join("\t".join(line) + "\n" for line in _recorded_then(table))


def _recorded_then(table: Table) -> Iterator[Sequence[str]]:
    """Give lines of which each was recorded when it occurred: in a capture all of them were at once."""
    try:
        recorded, occurred = table.columns.index("recorded_at"), table.columns.index("occurred_at")
    except ValueError:
        yield from table.lines
        return
    for line in table.lines:
        yield [line[occurred] if place == recorded else text for place, text in enumerate(line)]


def _times(table: Table, slots: _Slots) -> Sequence[int]:
    """Give the time of each row: the first that stands in it."""
    lines = _recorded_then(table)
    return [min((t for text in line if (t := slots.offset_of(text)) is not None), default=0) for line in lines]


def _tables(capture: Capture) -> Iterator[Table]:
    """Give the tables of a capture, with marks in the trail for what is nobody else's."""
    numbers = _numbers(capture)
    for table in capture.tables:
        if table.kind is Entry:
            bodies = [_body(entry, numbers[entry.pk], capture.fields) for entry in capture.entries]
            events = [f"@@uuid {number}@@" for number in numbers.values()]
            yield _with(table, {"body": bodies, "event_id": events}, without="xid")
        elif table.kind is Disclosure:
            salts = [f"@@salt {numbers[one.entry_id]} {one.field}@@" for one in capture.disclosures]
            yield _with(table, {"salt": [rf"\\x{salt}" for salt in salts]}, without="id")  # nobody refers to it
        else:
            yield table


def _numbers(capture: Capture) -> Mapping[int, int]:
    return {entry.pk: number for number, entry in enumerate(capture.entries)}


def _with(table: Table, changed: Mapping[str, Sequence[str]], *, without: str) -> Table:
    """Give a table with other values in some columns, and without one that the database fills."""
    assert table.kind._meta.pk is not None
    columns = [name for name in table.columns if name != without]
    rows = [dict(zip(table.columns, line, strict=True)) for line in table.lines]
    for name, values in changed.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    ids = () if without == table.kind._meta.pk.column else table.ids
    return Table(table.kind, columns, ids, [[row[name] for name in columns] for row in rows])


def _body(entry: Entry, number: int, fields: Mapping[str, str]) -> str:
    """Give a body with marks, as COPY takes it; of these texts json writes the canonical form."""
    content = json.loads(bytes(entry.body))
    content["id"] = f"@@uuid {number}@@"
    content["commitments"] = {name: f"@@sealed {number} {name}@@" for name in content["commitments"]}
    if entry.verb == "bug_report:filed":
        if content["data"]["sha256"] != digest_of(fields):
            raise StoryNotCastable("bug_report:filed has a digest of something else than the seven fields")
        content["data"]["sha256"] = DIGEST
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("\\", r"\\" * 2)  # a backslash of bytea is two, and each of them two for COPY


def _sealed(one: Capture, other: Capture, slots: _Slots) -> Iterator[tuple[str, str, Form]]:
    numbers = _numbers(one)
    for mine, twin in zip(one.disclosures, other.disclosures, strict=True):
        of = f"{numbers[mine.entry_id]} {mine.field}"
        yield f"@@salt {of}@@", f"@@sealed {of}@@", slots.form(mine.value, twin.value, where=mine.field)

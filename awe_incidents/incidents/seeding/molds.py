"""From two captures of one story to a mold: what differs is an id, what is a time moves with the story.

A mold is a format string per table and the places in an incident's list of values that go into it. A difference that is
no id, or two captures of different shapes, are refused: then operations write something that a mold cannot follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents.reports import digest_of
from awe_incidents.incidents.seeding.capturing import Capture, Kind, Table, has_own_ids
from awe_incidents.incidents.seeding.stories import MARKS

Slot = tuple[str, int, int]  # what stands at a place: its kind, and which one of that kind

_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00(?::00)?|Z)"
_PUT_IN = "@@(?:uuid|digest|sealed [a-z._]+)@@"
_TOKENS = re.compile(f"({_TIME}|{_PUT_IN}|{'|'.join(MARKS)}|[0-9]+)")
_STORY_LASTS = timedelta(days=100)


class StoryNotCastable(Exception):
    """The operations write something that is neither constant nor an id nor a time of the story."""


@dataclass(frozen=True, slots=True)
class Form:
    """A text with places for values."""

    text: str
    places: tuple[int, ...]

    def filled(self, values: Sequence[str]) -> str:
        """Give the text with an incident's values."""
        return self.text % tuple([values[place] for place in self.places])


@dataclass(frozen=True, slots=True)
class EntryForm:
    """An entry of the trail: its body and the other columns, and the texts that it commits to."""

    row: Form  # event id, verb, ...: all columns but id and body
    body: Form
    texts: Sequence[tuple[str, Form, int]]  # field, text, place of its commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class Mold:
    """One story, ready to be cast. A slot's value stands at its place in `slots`."""

    slots: Sequence[Slot]  # id (table, row), time (microseconds after the beginning), mark, uuid (entry), ...
    kinds: Sequence[tuple[Kind, Sequence[int]]]  # with the time of each row, in microseconds after the beginning
    rows: Sequence[tuple[Kind, Sequence[str], Form]]  # columns and lines, as COPY takes them
    entries: Sequence[EntryForm]
    fields: Mapping[str, Form]  # of the report


@dataclass(slots=True)
class _Places:
    """Gives each slot its place, and knows which ids of the two captures are the same row's."""

    began_at: datetime
    pairs: Mapping[tuple[str, str], Slot]
    slots: dict[Slot, int] = field(default_factory=dict)

    def of(self, slot: Slot) -> int:
        return self.slots.setdefault(slot, len(self.slots))

    def form(self, one: str, other: str, *, entry: int = -1, where: str) -> Form:
        """Give the form of a text as two captures have it."""
        mine, others = _TOKENS.split(one), _TOKENS.split(other)
        if len(mine) != len(others):
            raise StoryNotCastable(f"{where}: two captures differ in shape")
        texts, places = [], []
        for token, twin in zip(mine, others, strict=True):
            slot = self._slot(token, twin, entry=entry, where=where)
            texts.append("%s" if slot else token.replace("%", "%%"))
            if slot:
                places.append(self.of(slot))
        return Form("".join(texts), tuple(places))

    def _slot(self, token: str, twin: str, *, entry: int, where: str) -> Slot | None:
        if token in MARKS:
            return "mark", MARKS.index(token), 0
        if token.startswith("@@"):
            name, _, about = token.strip("@").partition(" ")
            return (name, entry, 0) if name == "uuid" else (f"{name} {about}".strip(), entry if about else 0, 0)
        if (offset := self.offset_of(token)) is not None:
            return "time", offset, 0
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
    places = _Places(began_at, dict(_pairs(one, other)))
    rows = [
        (table.kind, table.columns, _form_of_rows(table, twin, places))
        for table, twin in zip(one.tables, other.tables, strict=True)
        if table.ids
    ]
    entries = list(_entries(one, other, places))
    fields = {name: places.form(text, other.fields[name], where=name) for name, text in one.fields.items()}
    return Mold(
        slots=tuple(places.slots),
        kinds=[(table.kind, _times(table, places)) for table in _with_own_ids(one)],
        rows=rows,
        entries=entries,
        fields=fields,
    )


def _with_own_ids(capture: Capture) -> list[Table]:
    return [table for table in capture.tables if has_own_ids(table.kind)]


def _pairs(one: Capture, other: Capture) -> Iterator[tuple[tuple[str, str], Slot]]:
    for number, (table, twin) in enumerate(zip(*map(_with_own_ids, (one, other)), strict=True)):
        if len(table.ids) != len(twin.ids):
            raise StoryNotCastable(f"{table.kind.__name__}: two captures have different numbers of rows")
        for row, (mine, others) in enumerate(zip(table.ids, twin.ids, strict=True)):
            yield (str(mine), str(others)), ("id", number, row)


def _form_of_rows(table: Table, twin: Table, places: _Places) -> Form:
    texts = ["".join("\t".join(line) + "\n" for line in _recorded_then(each)) for each in (table, twin)]
    return places.form(texts[0], texts[1], where=table.kind.__name__)


def _recorded_then(table: Table) -> Iterator[Sequence[str]]:
    """Give lines of which each was recorded when it occurred: in a capture all of them were at once."""
    try:
        recorded, occurred = table.columns.index("recorded_at"), table.columns.index("occurred_at")
    except ValueError:
        yield from table.lines
        return
    for line in table.lines:
        yield [line[occurred] if place == recorded else text for place, text in enumerate(line)]


def _times(table: Table, places: _Places) -> Sequence[int]:
    """Give the time of each row: the first that stands in it."""
    lines = _recorded_then(table)
    return [min((t for text in line if (t := places.offset_of(text)) is not None), default=0) for line in lines]


def _entries(one: Capture, other: Capture, places: _Places) -> Iterator[EntryForm]:
    if [entry.verb for entry in one.entries] != [entry.verb for entry in other.entries]:
        raise StoryNotCastable("two captures have different entries in the trail")
    for number, (entry, twin) in enumerate(zip(one.entries, other.entries, strict=True)):
        bodies = [_body(each, capture.fields) for each, capture in ((entry, one), (twin, other))]
        texts = [
            {each.field: each.value for each in capture.disclosures if each.entry_id == of.pk}
            for capture, of in ((one, entry), (other, twin))
        ]
        yield EntryForm(
            row=places.form(_row(entry), _row(twin), entry=number, where=entry.verb),
            body=places.form(*bodies, entry=number, where=entry.verb),
            texts=[
                (name, places.form(text, texts[1][name], where=name), places.of((f"sealed {name}", number, 0)))
                for name, text in texts[0].items()
            ],
        )


def _row(entry: Entry) -> str:
    at = entry.occurred_at.isoformat()
    incident = r"\N" if entry.incident_id is None else str(entry.incident_id)
    return "\t".join(["@@uuid@@", entry.verb, entry.subject_type, entry.subject_id, entry.actor, incident, at, at])


ENTRY_COLUMNS = "event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at, recorded_at"
DISCLOSURE_COLUMNS = f"{Disclosure._meta.get_field('entry').attname}, field, salt, value"


def _body(entry: Entry, fields: Mapping[str, str]) -> str:
    """Give a body with marks for what each incident has of its own; of these texts json writes the canonical form."""
    content = json.loads(bytes(entry.body))
    content["id"] = "@@uuid@@"
    content["commitments"] = {name: f"@@sealed {name}@@" for name in content["commitments"]}
    if entry.verb == "bug_report:filed":
        if content["data"]["sha256"] != digest_of(fields):
            raise StoryNotCastable("bug_report:filed has a digest of something else than the seven fields")
        content["data"]["sha256"] = "@@digest@@"
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

"""Lists of entries: by index however many there are, in pages that more entries do not shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from awe_incidents.audit.models import Entry, Leaf
from awe_incidents.audit.queries import entries_with_verb, signed_size

PAGE = 50
_BY_RECORDING, _BY_TIME = ("id",), ("occurred_at", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; what is empty or None narrows nothing down."""

    subject_type: str = ""
    subject_id: str = ""
    actor: str = ""
    verb: str = ""  # a whole one, or `incident:` for all of a subject
    incident: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def order(self) -> Sequence[str]:
        """Give the order of a list: that of time for a span of time, else that of recording; each has its index."""
        return _BY_TIME if self.since or self.until else _BY_RECORDING

    def entries(self) -> QuerySet[Entry]:
        """Give the entries without their bytes."""
        columns = {
            "subject_type": self.subject_type,
            "subject_id": self.subject_id,
            "actor": self.actor,
            "incident_id": self.incident,
            "occurred_at__gte": self.since,
            "occurred_at__lt": self.until,
        }
        asked = {name: value for name, value in columns.items() if value not in ("", None)}
        entries = Entry.objects.defer("body").filter(**asked)
        return entries_with_verb(entries, self.verb) if self.verb else entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Entries, newest first; the next page begins with the entry `below`, None on the last one."""

    entries: list[Entry]
    has_newer: bool
    below: Entry | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands in the tree; None while it waits."""

    index: int | None
    is_signed: bool


def page_of(wanted: Wanted, *, older_than: int | None = None, newer_than: int | None = None, size: int = PAGE) -> Page:
    """Give the newest entries, or those next to an entry that was shown; nothing is counted."""
    rows, order = wanted.entries(), wanted.order
    down = rows.order_by(*(f"-{name}" for name in order))
    if newer_than is not None:
        up = rows.order_by(*order).filter(behind(newer_than, order, is_down=False))
        found = list(up[: size + 1])
        if len(found) > size:  # else it is the first page, and shown whole
            entries = found[:size][::-1]
            below = down.filter(behind(entries[-1].pk, order, is_down=True)).first()
            return Page(entries=entries, has_newer=True, below=below)
    elif older_than is not None:
        down = down.filter(behind(older_than, order, is_down=True))
    found = list(down[: size + 1])
    return Page(entries=found[:size], has_newer=older_than is not None, below=found[size] if found[size:] else None)


def places_of(entries: Sequence[Entry]) -> dict[int, Place]:
    """Give the places of entries by their ids, with two queries."""
    indexes = dict(Leaf.objects.filter(entry_id__in=[one.pk for one in entries]).values_list("entry_id", "index"))
    size = signed_size()
    return {one.pk: _place(indexes.get(one.pk), size) for one in entries}


def behind(position: int, order: Sequence[str], *, is_down: bool) -> Q:
    """Say what lies behind an entry; one that is not there stands where the one before it does."""
    word = "lt" if is_down else "gt"
    if tuple(order) == _BY_RECORDING:
        return Q(**{f"id__{word}": position})
    at = Entry.objects.filter(pk__lte=position).order_by("-pk").values_list("occurred_at", "pk").first()
    if at is None:
        return Q(pk__in=[]) if is_down else Q()
    return Q(**{f"occurred_at__{word}e": at[0]}) & (Q(**{f"occurred_at__{word}": at[0]}) | Q(**{f"id__{word}": at[1]}))


def _place(index: int | None, size: int) -> Place:
    return Place(index, index is not None and index < size)

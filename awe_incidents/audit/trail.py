"""The only writer of the trail: entries are inserted in the caller's transaction, so no change is without its entry."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from django.db import DEFAULT_DB_ALIAS, DatabaseError, models, transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import canonical
from awe_incidents.audit.errors import NotInTransaction, TrailUnavailable
from awe_incidents.audit.event_id import new_event_id
from awe_incidents.audit.models import Entry
from awe_incidents.audit.recorder import RECORD_FUNCTION
from awe_incidents.rows import insert_together

ENTRY_VERSION = 1

moment = canonical.timestamp
Text: TypeAlias = tuple[str, bytes, str]  # its place in the entry, its salt, and what it says
_COLUMNS = ("body", "event_id", "verb", "subject_type", "subject_id", "actor", "incident_id", "occurred_at")
_RECORD = f"SELECT {RECORD_FUNCTION}(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is to be recorded: who did what to which subject, when, and why.

    `data` holds ids, states, digests and counts; text that a person wrote goes into `because` or `private`, which are
    kept as salted commitments so that they can be erased later (design/audit.md, 8).
    """

    verb: str  # subject:action
    subject: models.Model
    by: Actor
    at: datetime
    because: str = ""
    incident_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)


def record(
    verb: str,
    *,
    subject: models.Model,
    by: Actor,
    at: datetime,
    because: str = "",
    incident_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    private: Mapping[str, str] | None = None,
) -> Entry:
    """Record one fact in the running transaction.

    Raises: NotInTransaction, TrailUnavailable, EntryTooLarge.
    """
    fact = Fact(
        verb=verb,
        subject=subject,
        by=by,
        at=at,
        because=because,
        incident_id=incident_id,
        data=data or {},
        private=private or {},
    )
    return record_all([fact])[0]


def record_all(facts: Iterable[Fact], *, behind: Iterable[models.Model] = ()) -> list[Entry]:
    """Record several facts of one change, with one message to PostgreSQL however many they are.

    New rows of the change may go in the same message; the entries come `behind` them.
    Raises: NotInTransaction, TrailUnavailable, EntryTooLarge.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("a fact is recorded in the transaction of the change it tells of")
    entries, calls = [], []
    for fact in facts:
        entry, texts = _entry(fact)
        entries.append(entry)
        calls.append((_RECORD, _values(entry, texts)))
    try:
        ids = insert_together(behind, calls=calls)
    except DatabaseError as error:
        if behind and not _is_of_trail(error):
            raise  # of the rows of the change, then
        raise TrailUnavailable(
            "the audit trail does not take entries now, so nothing was changed; try again"
        ) from error
    for entry, entry_id in zip(entries, ids, strict=True):
        entry.pk, entry._state.adding, entry._state.db = entry_id, False, DEFAULT_DB_ALIAS
    return entries


def _entry(fact: Fact) -> tuple[Entry, list[Text]]:
    event_id = new_event_id()
    texts = {"actor.name": fact.by.name, "actor.address": fact.by.address, "because": fact.because}
    texts |= {f"private.{name}": value for name, value in fact.private.items()}
    salts = {name: secrets.token_bytes(16) for name, value in texts.items() if value}
    sealed = {name: canonical.commitment(salt, texts[name]) for name, salt in salts.items()}
    subject_type, subject_id = fact.subject._meta.model_name or "", str(fact.subject.pk)
    body = canonical.encode(
        {
            "v": ENTRY_VERSION,
            "id": str(event_id),
            "at": canonical.timestamp(fact.at),
            "verb": fact.verb,
            "subject": {"type": subject_type, "id": subject_id},
            "actor": {
                "kind": fact.by.kind,
                "id": fact.by.user_id,
                "token": fact.by.token_prefix,
                "on_behalf_of": fact.by.on_behalf_of,
            },
            "incident": fact.incident_id,
            "data": dict(fact.data),
            "commitments": sealed,
        }
    )
    entry = Entry(
        body=body,
        event_id=event_id,
        verb=fact.verb,
        subject_type=subject_type,
        subject_id=subject_id,
        actor=actor_key(fact.by),
        incident_id=fact.incident_id,
        occurred_at=fact.at,
    )
    return entry, [(name, salt, texts[name]) for name, salt in salts.items()]


def _values(entry: Entry, texts: Sequence[Text]) -> list[Any]:
    columns = [getattr(entry, name) for name in _COLUMNS]
    return [*columns, *map(list, zip(*texts, strict=True))] if texts else [*columns, None, None, None]


def _is_of_trail(error: DatabaseError) -> bool:
    context = getattr(getattr(error.__cause__, "diag", None), "context", None)
    return RECORD_FUNCTION in f"{error} {context}"


def actor_key(actor: Actor) -> str:
    """Give the search key of an actor: a person by id, a service by name; never a person's name."""
    if actor.user_id is not None:
        return f"{actor.kind}:{actor.user_id}"
    return f"{actor.kind}:{actor.name}" if actor.kind == "service" else actor.kind

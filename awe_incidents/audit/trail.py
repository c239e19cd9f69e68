"""The only writer of the trail: entries are inserted in the caller's transaction, so no change is without its entry."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, DataError, models, transaction
from psycopg.types.numeric import Int8

from awe_incidents.actor import Actor
from awe_incidents.audit import canonical
from awe_incidents.audit.errors import EntryRefused, NotInTransaction, TrailUnavailable
from awe_incidents.audit.event_id import new_event_id
from awe_incidents.audit.recorder import RECORD_FUNCTION
from awe_incidents.prepared import PreparedCall

ENTRY_VERSION = 1

moment = canonical.timestamp
_insert = PreparedCall(RECORD_FUNCTION, values=11)


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
) -> int:
    """Record one fact in the running transaction; give the entry's id.

    Raises: NotInTransaction, TrailUnavailable, EntryRefused.
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


def record_all(facts: Iterable[Fact]) -> list[int]:
    """Record several facts of one change, in their order; give the ids of their entries.

    Raises: NotInTransaction, TrailUnavailable, EntryRefused.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("a fact is recorded in the transaction of the change it tells of")
    entries = [_entry(fact) for fact in facts]  # first all of them: one may be refused
    try:
        return [_insert(values) for values in entries]
    except DataError as error:  # no waiting helps
        raise EntryRefused(f"PostgreSQL keeps no such entry: {error.__cause__}") from error
    except DatabaseError as error:
        raise TrailUnavailable(
            "the audit trail does not take entries now, so nothing was changed; try again"
        ) from error


def _entry(fact: Fact) -> tuple[Any, ...]:
    """Give the values of the function that inserts (recorder.py): the entry's columns, then its texts."""
    event_id, by = new_event_id(), fact.by
    said = {"actor.name": by.name, "actor.address": by.address, "because": fact.because}
    said |= {f"private.{name}": value for name, value in fact.private.items()}
    texts = {name: str(value) for name, value in said.items() if value}
    salts = {name: secrets.token_bytes(16) for name in texts}
    subject_type, subject_id = fact.subject._meta.model_name or "", str(fact.subject.pk)
    body = canonical.encode(
        {
            "v": ENTRY_VERSION,
            "id": str(event_id),
            "at": canonical.timestamp(fact.at),
            "verb": fact.verb,
            "subject": {"type": subject_type, "id": subject_id},
            "actor": {"kind": by.kind, "id": by.user_id, "token": by.token_prefix, "on_behalf_of": by.on_behalf_of},
            "incident": fact.incident_id,
            "data": dict(fact.data),
            "commitments": {name: canonical.commitment(salt, texts[name]) for name, salt in salts.items()},
        }
    )
    columns = (body, event_id, str(fact.verb), subject_type, subject_id, actor_key(by))
    incident_id = None if fact.incident_id is None else Int8(fact.incident_id)
    kept = (list(texts), list(salts.values()), list(texts.values())) if texts else (None, None, None)
    return *columns, incident_id, fact.at, *kept


def actor_key(actor: Actor) -> str:
    """Give the search key of an actor: a person by id, a service by name; never a person's name."""
    if actor.user_id is not None:
        return f"{actor.kind}:{actor.user_id}"
    return f"{actor.kind}:{actor.name}" if actor.kind == "service" else actor.kind

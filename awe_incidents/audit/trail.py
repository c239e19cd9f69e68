"""The only writer of the trail: entries are inserted in the caller's transaction, so no change is without its entry."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, models, transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import canonical
from awe_incidents.audit.errors import NotInTransaction, TrailUnavailable
from awe_incidents.audit.event_id import new_event_id
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.rows import insert_together, reserve_ids

ENTRY_VERSION = 1

moment = canonical.timestamp


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


def record_all(facts: Iterable[Fact], *, ids: Sequence[int] = (), behind: Iterable[models.Model] = ()) -> list[Entry]:
    """Record several facts of one change, with two messages to PostgreSQL however many they are.

    One is enough where `ids`, reserved earlier for entries, has one for each; what is left over is not used. New rows
    of the change may go in the same message; the entries come `behind` them.
    Raises: NotInTransaction, TrailUnavailable, EntryTooLarge.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("a fact is recorded in the transaction of the change it tells of")
    entries, disclosures = [], []
    for fact in facts:
        entry, texts = _entry(fact)
        entries.append(entry)
        disclosures += texts
    try:
        enough = ids if len(ids) >= len(entries) else reserve_ids(*[Entry] * len(entries))
        for entry, entry_id in zip(entries, enough, strict=False):
            entry.pk = entry_id
        for disclosure in disclosures:
            disclosure.entry_id = disclosure.entry.pk
        insert_together([*behind, *entries, *disclosures])
    except DatabaseError as error:
        if behind and not any(model._meta.db_table in str(error) for model in (Entry, Disclosure)):
            raise  # of the rows of the change, then
        raise TrailUnavailable(
            "the audit trail does not take entries now, so nothing was changed; try again"
        ) from error
    return entries


def _entry(fact: Fact) -> tuple[Entry, list[Disclosure]]:
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
    return entry, [Disclosure(entry=entry, field=name, salt=salts[name], value=texts[name]) for name in sealed]


def actor_key(actor: Actor) -> str:
    """Give the search key of an actor: a person by id, a service by name; never a person's name."""
    if actor.user_id is not None:
        return f"{actor.kind}:{actor.user_id}"
    return f"{actor.kind}:{actor.name}" if actor.kind == "service" else actor.kind

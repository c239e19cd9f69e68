"""Erase texts behind commitments: what was signed stays whole, and an entry of its own tells of the erasure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.erasure import VERB, erasure_data
from awe_incidents.audit.errors import ErasureRefused
from awe_incidents.audit.models import Disclosure, Entry


@transaction.atomic
def erase_texts(*, event_id: UUID, fields: Collection[str] = (), by: Actor, at: datetime, because: str) -> list[str]:
    """Erase texts of an entry, all that it has where no fields are named; give the names of those that are gone.

    Raises: ErasureRefused, TrailUnavailable.
    """
    if not because.strip():
        raise ErasureRefused("say why the text is erased")
    entry = Entry.objects.filter(event_id=event_id).first()
    if entry is None:
        raise ErasureRefused(f"there is no entry {event_id}")
    texts = Disclosure.objects.filter(entry=entry)
    there = set(texts.values_list("field", flat=True))
    gone = sorted(set(fields) or there)
    if not gone or not there.issuperset(gone):
        raise ErasureRefused(f"entry {event_id} has the texts {', '.join(sorted(there)) or 'of nothing any more'}")
    trail.record(
        VERB,
        subject=entry,
        by=by,
        at=at,
        because=because.strip(),
        incident_id=entry.incident_id,
        data=erasure_data(event_id=str(event_id), fields=gone),
    )
    texts.filter(field__in=gone).delete()
    return gone

"""Whether an entry stands in a signed checkpoint: what must not begin before its intent is signed asks here."""

from __future__ import annotations

from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Checkpoint, Entry, Leaf

SILENT_SECONDS = 60.0  # sequencer and signer take half a second


def is_signed(entry_id: int) -> bool:
    """Say whether an entry has its place in the tree, below a checkpoint; only the signer's role can insert one."""
    later = Checkpoint.objects.filter(size__gt=OuterRef("index"))
    return Leaf.objects.filter(Exists(later), entry_id=entry_id).exists()


def check_signed() -> None:
    """See that sequencer and signer work: that nothing waits for its signature for longer than a minute.

    Raises: TrailUnavailable.
    """
    older = Entry.objects.filter(recorded_at__lt=Now() - timedelta(seconds=SILENT_SECONDS))
    try:
        last = older.order_by("-id").values_list("pk", flat=True).first()
        is_silent = last is not None and not is_signed(last)
    except DatabaseError as error:
        raise TrailUnavailable("the audit trail cannot be read now, so nothing was changed; try again") from error
    if is_silent:
        raise TrailUnavailable("the audit trail is not signed now, so nothing could start or was changed; try again")

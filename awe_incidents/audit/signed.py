"""Whether an entry stands in a signed checkpoint: what must not begin before its intent is signed asks here."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from awe_incidents.audit.models import Checkpoint, Leaf


def is_signed(entry_id: int) -> bool:
    """Say whether an entry has its place in the tree, below a checkpoint; only the signer's role can insert one."""
    later = Checkpoint.objects.filter(size__gt=OuterRef("index"))
    return Leaf.objects.filter(Exists(later), entry_id=entry_id).exists()

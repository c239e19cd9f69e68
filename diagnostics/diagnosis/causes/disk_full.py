"""A file system has no bytes or inodes left, or became read-only; whatever writes there fails."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="disk_full",
    title="A disk is full",
    category="database",
    severity="critical",
    sentence="The disk of {subject} is full.",
    signs=(
        *codes("disk.bytes", "disk.inodes", "storage.disk", certainty=0.95),
        *codes("disk.read_only", certainty=0.8),
        *codes("signature.pg-disk*", certainty=0.6, states=ANY),
    ),
    explains=(*NEVER_STARTS, "backup.*", "disk.*", "storage.*"),
    how_to="how-to/database.md",
)

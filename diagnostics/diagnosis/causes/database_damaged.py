"""The data answers, and not correctly any more: it needs care before it needs speed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="database_damaged",
    title="The database holds what must not be",
    category="database",
    severity="critical",
    sentence="{subject} has a corrupt or invalid index, a sequence behind its column, or is near wraparound.",
    signs=codes("consistency.*", "storage.wraparound", "storage.slot_lost", certainty=0.9),
    how_to="how-to/database.md",
)

"""Somebody paused or disabled a database in the pooler; clients wait until it is resumed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pooler_paused",
    title="The pooler is paused",
    category="database",
    severity="critical",
    sentence="The pooler {subject} is paused or a database in it is disabled.",
    signs=codes("pools.paused", "pools.disabled", certainty=0.95),
    explains=DATABASE_REFUSES,
    actions=("pooler.resume",),
    how_to="how-to/database.md",
)

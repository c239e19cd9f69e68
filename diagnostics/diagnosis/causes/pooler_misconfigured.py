"""The database answers straight but not by way of the pooler: its address or the database's name there is wrong."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, Sign, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pooler_misconfigured",
    title="The pooler does not find its database",
    category="database",
    severity="critical",
    sentence="The pooler {subject} cannot reach the database that it is to serve, or does not know it.",
    signs=(*codes("pooled.no_database", certainty=0.9), Sign("pooled.query_wait", 0.45)),
    refuted_by=codes("pools.waiting", "pools.paused", states=ANY),
    explains=DATABASE_REFUSES,
    how_to="how-to/database.md",
)

"""Clients hold the pool in open transactions, or it is too small; the database behind it has room."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pool_exhausted",
    title="The connection pool is used up",
    category="database",
    severity="critical",
    sentence="Every server connection of the pooler {subject} is taken, and clients wait.",
    signs=(
        *codes("pools.waiting", "pools.clients", certainty=0.93),
        *codes("pooled.query_wait", "postgres.query_wait", certainty=0.5),
    ),
    refuted_by=codes("pools.paused", "pools.disabled", states=ANY),
    explains=DATABASE_REFUSES,
    actions=("database.terminate_sessions", "pooler.reconnect"),
    how_to="how-to/database.md",
)

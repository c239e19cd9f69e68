"""Clients hold all connections that the server gives; whoever comes next is refused."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="connections_exhausted",
    title="The database has no connection left",
    category="database",
    severity="critical",
    sentence="Every connection of {subject} is taken.",
    signs=(*codes("saturation.*", certainty=0.94), *codes("postgres.slots", certainty=0.93)),
    explains=(*DATABASE_REFUSES, "statements.*", "blockers.*", "storage.*"),
    actions=("database.terminate_sessions", "pooler.reconnect"),
    how_to="how-to/database.md",
)

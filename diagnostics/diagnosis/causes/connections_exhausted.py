"""Clients hold all connections that the server gives, and whoever comes next is refused."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="connections_exhausted",
    title="The database has no connection left",
    category="database",
    severity="critical",
    sentence="Every connection that {subject} gives is taken.",
    signs=(*codes("saturation.*", certainty=0.94), *codes("postgres.slots", certainty=0.93)),
    explains=(*DATABASE_REFUSES, "statements.*", "blockers.*", "storage.*"),
    remedy=(
        (
            "See who holds them: "
            "`SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC`."
        ),
        "End those that idle in a transaction, oldest first, with `SELECT pg_terminate_backend(PID)`.",
        "Restart or correct the client that opens connections and does not close them, or put a pooler in front of it.",
        "Raise `max_connections` only when all of them are needed, as it takes memory and a restart of the server.",
        "Look again: `database.saturation` and `database.postgres_direct` must pass.",
    ),
    actions=("database.terminate_sessions", "pooler.reconnect"),
)

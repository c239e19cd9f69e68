"""Clients hold the pool in open transactions, or it is too small, while the database behind it has room."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pool_exhausted",
    title="The connection pool is used up",
    category="database",
    severity="critical",
    sentence="The connection pool in front of the database is used up, and clients wait: {subject}.",
    signs=(
        *codes("pools.waiting", "pools.clients", certainty=0.93),
        *codes("pooled.query_wait", "postgres.query_wait", certainty=0.5),
    ),
    refuted_by=codes("pools.paused", "pools.disabled", states=ANY),
    explains=DATABASE_REFUSES,
    remedy=(
        "Count who waits at the pooler's console: `psql -h HOST -p PORT -U ADMIN -d pgbouncer -c 'SHOW POOLS'`.",
        "See with `SHOW CLIENTS` there, and in `database.blockers`, who holds connections in open transactions.",
        "End sessions that idle in a transaction with `SELECT pg_terminate_backend(PID)` at the database itself.",
        (
            "Where all are at work, raise `default_pool_size` within the server's `max_connections`, and `RELOAD` "
            "the pooler."
        ),
        "Look again: `database.pools` and `database.postgres_pooled` must pass.",
    ),
    actions=("database.terminate_sessions", "pooler.reconnect"),
)

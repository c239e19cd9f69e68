"""A transaction that is open for long, often idle, holds what others need."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="lock_held",
    title="A session blocks others",
    category="database",
    severity="high",
    sentence="A session in {subject} holds a lock that others wait for.",
    signs=(
        *codes("blockers.lock_wait", certainty=0.93),
        *codes("blockers.idle_in_transaction", "blockers.long_query", certainty=0.6),
    ),
    explains=(
        "postgres.statement_timeout",
        "agents.*",
        "runs.*",
        "tools.*",
        "queue.*",
        "tasks.*",
        "api.*",
        "timing.*",
        "health.*",
        "pooled.*",
        "pools.*",
        "statements.*",
        "login.*",
    ),
    actions=("database.terminate_sessions",),
    how_to="how-to/database.md",
)

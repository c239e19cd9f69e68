"""A transaction that has been open for long, often an idle one, holds what others need."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, Sign, codes

CAUSE = Cause(
    slug="lock_held",
    title="A session blocks others",
    category="database",
    severity="high",
    sentence="A session at {subject} holds a lock that others wait for.",
    signs=(
        Sign("blockers.waiting", 0.35, ANY),
        *codes("blockers.lock_wait", certainty=0.93),
        *codes("blockers.idle_in_transaction", certainty=0.6),
    ),
    supported_by=codes("queue.stuck", "health.*", "api.timeout", "login.*", "pooled.*", "tasks.overdue", certainty=0.5),
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
    remedy=(
        "See who blocks whom: `SELECT pid, pg_blocking_pids(pid), state, application_name FROM pg_stat_activity`.",
        "Find out what the session at the root belongs to, and whether its work may be lost.",
        (
            "Stop its statement with `SELECT pg_cancel_backend(PID)`, or, where it idles, the session with "
            "`SELECT pg_terminate_backend(PID)`."
        ),
        "Correct what leaves the transaction open, and set `idle_in_transaction_session_timeout` for its role.",
        "Look again: `database.blockers` must pass.",
    ),
    actions=("database.terminate_sessions",),
)

"""The server answers, and its answer is that nobody, or not this role, may come in now."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="database_not_accepting",
    title="The database does not take connections",
    category="database",
    severity="critical",
    sentence="{subject} runs and takes no connections: it is starting, stopping, recovering or closed to this role.",
    signs=codes(
        "postgres.starting",
        "postgres.stopping",
        "postgres.not_accepting",
        "postgres.no_role",
        "postgres.not_permitted",
        "postgres.ssl",
        certainty=0.85,
    ),
    explains=DATABASE_REFUSES,
    remedy=(
        "Ask it with `pg_isready -h HOST -p PORT`, and read in its log why it takes no connections.",
        "Where it starts or recovers, wait and watch its log go on; killing it makes it begin again.",
        "Where it stops, find the session that it waits for, and start the server when it is down.",
        (
            "Where it refuses the role or the way of connecting, correct the role or `pg_hba.conf`, and run "
            "`SELECT pg_reload_conf()`."
        ),
        "Look again: `database.postgres_direct` must pass.",
    ),
)

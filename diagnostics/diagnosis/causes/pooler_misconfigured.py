"""The database answers straight but not by way of the pooler, which has a wrong address or name for it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, Sign, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pooler_misconfigured",
    title="The pooler does not find its database",
    category="database",
    severity="critical",
    sentence="The pooler at {subject} cannot reach the database that it is to serve, or does not know it.",
    signs=(*codes("pooled.no_database", certainty=0.9), Sign("pooled.query_wait", 0.45)),
    refuted_by=codes("pools.waiting", "pools.paused", states=ANY),
    explains=DATABASE_REFUSES,
    remedy=(
        "Read the pooler's own log, which has the reason, as its clients are told something else.",
        "Compare `SHOW DATABASES` at its console with what the server has: `psql -h SERVER -U USER -l`.",
        "Correct host, port, name or user of the database in its configuration, and reload or restart it.",
        "Look again: `database.postgres_pooled` must pass.",
    ),
)

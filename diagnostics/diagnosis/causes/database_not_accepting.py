"""The server answers, and its answer is that nobody may come in now."""

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
    how_to="how-to/database.md",
)

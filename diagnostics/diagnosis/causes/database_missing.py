"""A wrong name in the configuration, or a database that was never made or was dropped."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="database_missing",
    title="The database does not exist",
    category="database",
    severity="critical",
    sentence="The server {subject} has no database of the name that the application asks for.",
    signs=codes("postgres.no_database", certainty=0.94),
    explains=DATABASE_REFUSES,
    actions=("database.restore",),
    how_to="how-to/database.md",
)

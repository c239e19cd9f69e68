"""The password of the application and that of the role in the database differ."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="database_password_wrong",
    title="The database refuses the password",
    category="database",
    severity="critical",
    sentence="{subject} refuses the password of the role that the application uses.",
    signs=(
        *codes("postgres.auth", certainty=0.93),
        *codes("pooled.server_auth", certainty=0.9),
        *codes("pooled.auth", certainty=0.85),
    ),
    explains=DATABASE_REFUSES,
    actions=("service.restart",),
    how_to="how-to/database.md",
)

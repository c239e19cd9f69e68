"""The application asks for a database by a wrong name, or it was never made or was dropped."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="database_missing",
    title="The database does not exist",
    category="database",
    severity="critical",
    sentence="The database that the application asks for does not exist at {subject}.",
    signs=codes("postgres.no_database", certainty=0.94),
    explains=DATABASE_REFUSES,
    remedy=(
        "List what is there with `psql -h HOST -U USER -l`, and compare it with the name that the application uses.",
        "Where that name is mistyped, correct it in the application's configuration and restart it.",
        (
            "Where the database is gone, find out who dropped it, and restore the newest backup: "
            "`createdb DATABASE`, then `pg_restore -d DATABASE FILE`."
        ),
        "Where the stack is new, create it with `createdb -O OWNER DATABASE`, and run the migrations.",
        "Look again: `database.postgres_direct` and `database.migrations` must pass.",
    ),
    actions=("database.restore",),
)

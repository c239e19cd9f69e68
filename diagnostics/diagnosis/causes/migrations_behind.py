"""A migration was not run, or the database was migrated with other files than those deployed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="migrations_behind",
    title="The schema is behind the application",
    category="database",
    severity="critical",
    sentence="The schema at {subject} is not at the revision that the application needs.",
    signs=(
        *codes("migrations.behind", "migrations.table_missing", certainty=0.94),
        *codes(
            "migrations.unknown_revision",
            "migrations.several_heads",
            "migrations.broken",
            "migrations.gap",
            "migrations.circle",
            certainty=0.85,
        ),
    ),
    explains=(
        "health.*",
        "api.*",
        "login.*",
        "queue.*",
        "tasks.*",
        "agents.*",
        "runs.*",
        "tools.*",
        "container.crash_loop",
        "container.unhealthy",
    ),
    remedy=(
        (
            "Compare where the schema is with where it should be: `alembic current` and `alembic heads`, in the "
            "deployed version."
        ),
        "Make a backup before anything changes: `pg_dump -Fc -h HOST -U USER -f FILE DATABASE`.",
        "Run what is missing with `alembic upgrade head`; several heads have to be merged first (`alembic merge`).",
        (
            "Where the database names a revision that no file has, deploy the version that has it, and do not "
            "`alembic stamp head`, which hides what is missing."
        ),
        "Look again: `database.migrations` must pass.",
    ),
    actions=("database.migrate_upgrade",),
)

"""A migration was not run, or was run from other files than those deployed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="migrations_behind",
    title="The schema is behind the application",
    category="database",
    severity="critical",
    sentence="The schema of {subject} is not at the revision that the application needs.",
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
    actions=("migrations.upgrade", "migrations.stamp"),
    how_to="how-to/database.md",
)

"""Bring a database's schema to that of the deployed migration files.

Runs `alembic upgrade` inside the container that has the files, with the login that this container has, to the head by
its id and not by the word: what is approved is what runs. What it costs depends on the revisions; changed tables are
locked meanwhile. Not done with several heads, or where container and described files differ.

At most once: the database must stand where it stood when this was approved, a container that is never started takes the
step's token as its name, and an upgrade to where the database is changes nothing. Verified by SQL in the version table.
A migration that fails is rolled back, but for what steps out of its transaction: then the outcome is unknown. Of a lost
worker nobody can tell while the database stands where it stood, as alembic may still be at it: a person says.
"""

from __future__ import annotations

from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Plan
from awe_incidents.recovery.actions.migrating import BASE, Migrate, MigrateParameters, Standing
from awe_incidents.recovery.errors import ActionNotApplicable


class UpgradeMigrations(Migrate):
    """Forward to the head."""

    slug: ClassVar[str] = "database.migrate_upgrade"
    title: ClassVar[str] = "Run the migrations that a database lacks"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = MigrateParameters

    def destination(self, standing: Standing, parameters: Any) -> str:
        """Go to the only head."""
        if standing.current and standing.only == standing.head:
            raise ActionNotApplicable(f"the database stands at the head, {standing.head}: there is nothing to run")
        return standing.head

    def passed(self, standing: Standing, to: str) -> list[str]:
        """Give the revisions that run."""
        return standing.between(standing.only if standing.current else BASE, to)

    def words(self, to: str) -> list[str]:
        """Name the head by its id."""
        return ["upgrade", to]

    def plan(self, acting: Acting[Any]) -> Plan:
        """Say what runs and how to go back."""
        before = ", ".join(acting.facts["current"]) or BASE
        return Plan(
            destroys=tuple(f"whatever revision {one} drops or rewrites" for one in acting.facts["passed"]),
            way_back=f"database.migrate_downgrade to {before}, as far as each revision can be undone; else a backup",
            warnings=("make a backup first (database.backup)", "tables that are changed are locked meanwhile"),
        )

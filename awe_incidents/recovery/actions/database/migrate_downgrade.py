"""Undo the last migration of a database, or those down to a revision.

Runs `alembic downgrade` inside the container that has the files, with the login that this container has. What people
write as `-1` is looked up and named by its id (`base` for none), so that a second try undoes nothing more. Data in
tables and columns that a revision added are lost. Code that needs the newer schema fails; a service that migrates at
its start brings the schema forward again.

At most once: the database must stand where it stood when this was approved, a container that is never started takes the
step's token as its name, and a downgrade to where the database is changes nothing. Verified by SQL in the version
table. A migration that fails is rolled back, but for what steps out of its transaction: then the outcome is unknown. Of
a lost worker nobody can tell while the database stands where it stood: a person says.
"""

from __future__ import annotations

from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Plan
from awe_incidents.recovery.actions.migrating import BASE, Migrate, RevisionParameters, Standing
from awe_incidents.recovery.errors import ActionNotApplicable


class DowngradeMigrations(Migrate):
    """Back to an earlier revision."""

    slug: ClassVar[str] = "database.migrate_downgrade"
    title: ClassVar[str] = "Undo migrations of a database"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = RevisionParameters

    def destination(self, standing: Standing, parameters: Any) -> str:
        """Go to the named revision, or to the one before."""
        now = standing.only
        if parameters.revision:
            before = standing.graph.with_ancestors([now]) - {now} | {BASE}
            if parameters.revision not in before:
                raise ActionNotApplicable(f"{parameters.revision} is no revision before {now}")
            return str(parameters.revision)
        follows = standing.graph.revisions[now].follows
        if len(follows) > 1:
            raise ActionNotApplicable(f"{now} merges {', '.join(follows)}; name the revision to go to")
        return follows[0] if follows else BASE

    def passed(self, standing: Standing, to: str) -> list[str]:
        """Give the revisions that are undone, the newest first."""
        return standing.between(to, standing.only)[::-1]

    def words(self, to: str) -> list[str]:
        """Name the revision by its id."""
        return ["downgrade", to]

    def plan(self, acting: Acting[Any]) -> Plan:
        """Say what is lost."""
        return Plan(
            destroys=tuple(f"what revision {one} added, with the data in it" for one in acting.facts["passed"]),
            way_back="database.migrate_upgrade brings the schema back, and only a backup the data",
            warnings=(
                "make a backup first (database.backup)",
                "a service that migrates at its start brings the schema forward again",
                "code that needs the newer schema fails until it is exchanged",
            ),
        )

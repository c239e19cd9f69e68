"""Note a revision in a database without running any migration.

Runs `alembic stamp --purge` inside the container that has the files, with the login that this container has: the
version table says the revision afterwards, whatever the schema is. Right where the schema was brought there by other
means, or where the table names a revision that no file has. Wrong as a first step before an upgrade, which people write
as `stamp head` and `upgrade head`: the upgrade then has nothing to do, and what was missing stays missing. The plan
names the revisions that would be passed over.

At most once: the database must stand where it stood when this was approved, a container that is never started takes the
step's token as its name, and the same stamp twice changes nothing. Verified by SQL in the version table; whether the
schema is that of the revision, it does not see. Of a lost worker nobody can tell while the table is as it was.
"""

from __future__ import annotations

from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Plan
from awe_incidents.recovery.actions.migrating import BASE, Migrate, RevisionParameters, Standing
from awe_incidents.recovery.errors import ActionNotApplicable


class StampMigrations(Migrate):
    """A note, and nothing else."""

    slug: ClassVar[str] = "database.migrate_stamp"
    title: ClassVar[str] = "Note a revision in a database without running migrations"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = RevisionParameters

    def destination(self, standing: Standing, parameters: Any) -> str:
        """Note the named revision, or the head."""
        to = parameters.revision or standing.head
        if to not in standing.graph.revisions:
            raise ActionNotApplicable(f"no file has the revision {to}")
        if standing.current == (to,):
            raise ActionNotApplicable(f"the database says {to} already")
        return str(to)

    def passed(self, standing: Standing, to: str) -> list[str]:
        """Give the revisions that the table will say were run; all of them where nobody knows where it stands."""
        known = standing.current[0] if len(standing.current) == 1 else BASE
        return standing.between(known, to)

    def words(self, to: str) -> list[str]:
        """Take away what the table says, as it may name what no file has."""
        return ["stamp", "--purge", to]

    def plan(self, acting: Acting[Any]) -> Plan:
        """Warn of what is passed over."""
        before, passed = ", ".join(acting.facts["current"]) or "nothing", acting.facts["passed"]
        skipped = (
            f"these are not run, now or by any later upgrade: {', '.join(passed)}; "
            f"where the schema lacks them, database.migrate_upgrade is what is wanted"
        )
        return Plan(
            destroys=(f"the note that the database stands at {before}",),
            way_back=f"stamp {before} again" if acting.facts["current"] else "empty the version table by hand",
            warnings=(skipped,) if passed else ("the schema is not changed, so it may be newer than what is noted",),
        )

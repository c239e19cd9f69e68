"""Dump a database as plain SQL, in an emergency.

What the guide's emergency command does (`pg_dump ... > emergency_backup.sql`), with a checksum and without its traps:
the file lies in the described folder of backups as NAME.plain.sql, is never overwritten, has its name only when it is
whole, and is readable for the container's user alone. Plain SQL is what people can read, cut and repair; `psql -f`
reads it into any newer server, and `pg_restore` does not. `database.restore` takes it. Where there is time,
`database.backup` makes a dump that is smaller and that single tables can be taken from.

`pg_dump` runs inside the database's container, as the monitor's login and through the local socket, which has to be
trusted there, as PostgreSQL's images do. The database goes on working.

At most once: before it begins, a container that is never started takes the step's token as its name, which the engine
refuses a second time, and the file is created exclusively. Verified by the read-only road of checks: the checksum is
calculated anew, and the first lines and the last ones are those of a dump that is complete. Of a lost worker the files
tell: the name is there, or it is not; while there is an unfinished one (`.NAME.part`) a person says how that ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from awe_incidents.recovery.actions.dumping import Content, Dump
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.backups import PLAIN_HEAD, PLAIN_TAIL, TAIL_BYTES
from diagnostics.stack import Backups

ENDING = ".plain.sql"


@dataclass(frozen=True, kw_only=True)
class DumpInEmergency(Dump):
    """One dump of one database, as people read it."""

    slug: ClassVar[str] = "database.emergency_dump"
    title: ClassVar[str] = "Dump a database as plain SQL in an emergency"
    tier: ClassVar[int] = 1
    script: ClassVar[str] = f"""\
pg_dump --username="$2" --no-password --format=plain --file=".$1.part" --dbname="$3"
tail -c {TAIL_BYTES} ".$1.part" | grep -q "^{PLAIN_TAIL[0].decode()}"
"""

    def file(self, plan: Backups, name: str) -> str:
        """Give it the ending of its kind, whatever backups are called."""
        return f"{name}{ENDING}"

    def read(self, inside: InsideContainer, path: str, size_bytes: int) -> Content:
        """Look for the lines with which pg_dump begins and ends."""
        _, head = inside.run(["head", "-c", str(TAIL_BYTES), path])
        _, tail = inside.run(["tail", "-c", str(TAIL_BYTES), path])
        if PLAIN_HEAD[0] not in head:
            return Content(broken="it does not begin as a plain dump does")
        if PLAIN_TAIL[0] not in tail:
            return Content(broken="it ends before its last line, which says that the dump is complete")
        return Content("plain SQL from its first line to its last")

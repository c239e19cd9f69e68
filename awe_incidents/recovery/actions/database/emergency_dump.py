"""Dump a database as plain SQL, in an emergency.

What the guide's emergency command does (`pg_dump ... > emergency_backup.sql`), with a checksum and without its traps:
the file lies in the described folder of backups as NAME.plain.sql, is never overwritten, has its name only when it is
whole, and is readable for the container's user alone, or the worker's. Plain SQL is what people can read, cut and
repair; `psql -f` reads it into any newer server, and `pg_restore` does not. In containers `database.restore` takes it.
Where there is time, `database.backup` makes a dump that is smaller and that single tables can be taken from.

On a stack in containers `pg_dump` runs inside the database's container, as the monitor's login and through the local
socket, which has to be trusted there, as PostgreSQL's images do. On a stack of processes it runs where the worker does,
by the programs that `[databases.*] programs` names or else those on its PATH, which may not be older than the server;
as the monitor's login where that may read everything, else as the application's; the password stands in no argument,
in no variable and on no disk. The database goes on working.

At most once: the file is created exclusively, and in a container, before it begins, one that is never started takes the
step's token as its name, which the engine refuses a second time. Verified by the read-only road of checks: the checksum
is calculated anew, and the first lines and the last ones are those of a dump that is complete. Of a lost worker the
files tell: the name is there, or it is not; while it is not in a container, where the script may go on or begin yet, or
somebody still writes an unfinished one (`.NAME.part`), a person says how that ended. One that nobody writes any more
has ended badly, and is removed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from awe_incidents.recovery.actions.dump_places import DumpFile, Form
from awe_incidents.recovery.actions.dumping import Content, Dump
from diagnostics.probes.backups import PLAIN_HEAD, PLAIN_TAIL, TAIL_BYTES
from diagnostics.stack import Backups

ENDING = ".plain.sql"


@dataclass(frozen=True, kw_only=True)
class DumpInEmergency(Dump):
    """One dump of one database, as people read it."""

    slug: ClassVar[str] = "database.emergency_dump"
    title: ClassVar[str] = "Dump a database as plain SQL in an emergency"
    tier: ClassVar[int] = 1
    form: ClassVar[Form] = Form(
        format="plain", look=f'tail -c {TAIL_BYTES} ".$1.part" | grep -q "^{PLAIN_TAIL[0].decode()}"'
    )

    def file(self, plan: Backups, name: str) -> str:
        """Give it the ending of its kind, whatever backups are called."""
        return f"{name}{ENDING}"

    def read(self, file: DumpFile, size_bytes: int) -> Content:
        """Look for the lines with which pg_dump begins and ends."""
        if PLAIN_HEAD[0] not in file.head(TAIL_BYTES):
            return Content(broken="it does not begin as a plain dump does")
        if PLAIN_TAIL[0] not in file.tail(TAIL_BYTES):
            return Content(broken="it ends before its last line, which says that the dump is complete")
        return Content("plain SQL from its first line to its last")

"""Back a database up into its backup folder, under its name in place of the star of the described pattern.

Runs `pg_dump` (custom format). On a stack in containers inside the database's container, as the monitor's login and
through the local socket, so that no password is needed; the container has to trust that, as PostgreSQL's images do. On
a stack of processes where the worker runs, in the described folder of that machine, by the programs that
`[databases.*] programs` names or else those on its PATH, which may not be older than the server; as the monitor's login
where that may read everything, else as the application's; the password stands in no argument, in no variable and on no
disk. The dump is written beside its name, read by `pg_restore --list`, gets its checksum (`NAME.sha256`), and only then
its name. What is there is never overwritten. The database goes on working; the dump takes processor time and disk, and
locks nothing but changes of tables. A dump holds everything that the database holds: its file is readable for the
container's user alone, or the worker's.

At most once: the file is created exclusively, and in a container, before it begins, one that is never started takes the
step's token as its name, which the engine refuses a second time. Verified by the read-only road of checks: the checksum
is calculated anew, and a dump (in a container up to 64 MB, as a copy) is read to its end. Of a lost worker the files
tell: the name is there, or it is not; while it is not in a container, where the script may go on or begin yet, or
somebody still writes an unfinished one (`.NAME.part`), a person says how that ended. One that nobody writes any more
has ended badly, and is removed by hand.
"""

from __future__ import annotations

import fnmatch
import time
from dataclasses import dataclass
from typing import ClassVar

from awe_incidents.recovery.actions.dump_places import DumpFile, Form
from awe_incidents.recovery.actions.dumping import Content, Dump, DumpParameters
from diagnostics.probes.pg_archive import DumpBroken, read_archive
from diagnostics.stack import Backups, StackConfig

READ_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class BackUpDatabase(Dump):
    """One dump of one database, as pg_restore reads it."""

    slug: ClassVar[str] = "database.backup"
    title: ClassVar[str] = "Back a database up"
    tier: ClassVar[int] = 1
    form: ClassVar[Form] = Form(format="custom", look='pg_restore --list ".$1.part" >/dev/null')

    def not_applicable(self, stack: StackConfig, parameters: DumpParameters) -> str | None:
        """Apply only where the described pattern gives the file a name that it finds again."""
        if why := super().not_applicable(stack, parameters):
            return why
        plan = stack.databases[parameters.database].backups
        if plan is None or not fnmatch.fnmatch(self.file(plan, parameters.name), plan.pattern):
            return f"the pattern {plan and plan.pattern} has no star that a name can take the place of"
        return None

    def file(self, plan: Backups, name: str) -> str:
        """Put the name in place of the star."""
        return plan.pattern.replace("*", name, 1)

    def read(self, file: DumpFile, size_bytes: int) -> Content:
        """Let pg_restore list it, and read it to its end where it can be had."""
        if not file.is_listed():
            return Content(broken="pg_restore cannot list it")
        with file.opened(size_bytes=size_bytes) as content:
            if content is None:
                return Content()
            try:
                dump = read_archive(content, size_bytes=size_bytes, ends_at=time.monotonic() + READ_SECONDS)
            except DumpBroken as broken:
                return Content(broken=broken.text)
        return Content("" if dump.tables_with_data is None else f"{dump.tables_with_data} tables with data")

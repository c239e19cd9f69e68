"""Back a database up into its backup folder, under its name in place of the star of the described pattern.

Runs `pg_dump` (custom format) inside the database's container, as the monitor's login and through the local socket, so
that no password is needed; the container has to trust that, as PostgreSQL's images do. The dump is written beside its
name, read by `pg_restore --list`, gets its checksum (`NAME.sha256`), and only then its name. What is there is never
overwritten. The database goes on working; the dump takes processor time and disk, and locks nothing but changes of
tables. A dump holds everything that the database holds: its file is readable for the container's user alone.

At most once: before it begins, a container that is never started takes the step's token as its name, which the engine
refuses a second time, and the file is created exclusively. Verified by the read-only road of checks: the checksum is
calculated anew, and a dump up to 64 MB is copied and read to its end. Of a lost worker the files tell: the name is
there, or it is not; while there is an unfinished one (`.NAME.part`) a person says how that ended.
"""

from __future__ import annotations

import fnmatch
import io
import time
from dataclasses import dataclass
from typing import ClassVar

from awe_incidents.recovery.actions.containers import file_inside
from awe_incidents.recovery.actions.dumping import Content, Dump, DumpParameters
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.pg_archive import DumpBroken, read_archive
from diagnostics.stack import Backups, StackConfig

MAX_COPY_BYTES = 64_000_000
READ_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class BackUpDatabase(Dump):
    """One dump of one database, as pg_restore reads it."""

    slug: ClassVar[str] = "database.backup"
    title: ClassVar[str] = "Back a database up"
    tier: ClassVar[int] = 1
    script: ClassVar[str] = """\
pg_dump --username="$2" --no-password --format=custom --file=".$1.part" --dbname="$3"
pg_restore --list ".$1.part" >/dev/null
"""

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

    def read(self, inside: InsideContainer, path: str, size_bytes: int) -> Content:
        """Let pg_restore list it, and read the copy of one that is not too large to its end."""
        code, _ = inside.run(["pg_restore", "--list", path])
        if code:
            return Content(broken="pg_restore cannot list it")
        if size_bytes > MAX_COPY_BYTES:
            return Content()
        copy = file_inside(inside, path, max_bytes=MAX_COPY_BYTES)
        try:
            dump = read_archive(io.BytesIO(copy), size_bytes=size_bytes, ends_at=time.monotonic() + READ_SECONDS)
        except DumpBroken as broken:
            return Content(broken=broken.text)
        return Content("" if dump.tables_with_data is None else f"{dump.tables_with_data} tables with data")

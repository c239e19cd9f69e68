"""Dump a database of a stack of processes: by pg_dump of this machine, into the described folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_incidents.recovery.actions.base import ActionFailed, Doing
from awe_incidents.recovery.actions.dump_places import Form
from awe_incidents.recovery.actions.dumped_here import FileHere, folder_of, listed, tail_of
from awe_incidents.recovery.actions.new_file import is_there, new_file, part_of
from awe_incidents.recovery.actions.pg_programs import PgProgram, login, pg_program
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.backups import PLAIN_TAIL, TAIL_BYTES
from diagnostics.stack import Database, SecretUnavailable

# What pg_dump locks and reads, row security or not; what belongs to an extension comes with that.
UNREADABLE = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 AND (NOT has_schema_privilege(n.oid, 'USAGE') OR row_security_active(c.oid)
 OR NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
 ELSE has_table_privilege(c.oid, 'SELECT') END)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class OnThisMachine:
    """The machine of the worker, on which the stack's processes are."""

    site: Site
    database: Database

    def facts(self, file: str, form: Form) -> dict[str, Any]:
        """Give folder, program and login, and the file that is not there yet."""
        assert self.database.backups is not None  # or else it is not applicable
        if "/" in file:
            raise ActionNotApplicable(f"{file} lies in another folder than the described one")
        path = Path(os.path.realpath(self.database.backups.directory)) / file
        try:
            with folder_of(path) as folder:
                known = _known(folder)
                taken = [one for one in (file, f"{file}.sha256", part_of(file)) if is_there(folder, one)]
        except OSError as error:
            raise ActionNotApplicable(f"the folder {path.parent} cannot be opened: {error.strerror}") from None
        if taken:
            raise ActionNotApplicable(
                f"{path.parent}/{taken[0]} is there already and is never overwritten; give another name"
            )
        program = str(self._pg_dump(form))
        return {"file": str(path), "folder": known, "program": program, "login": self._login().user}

    def free_bytes(self, folder: str) -> int:
        """Ask the file system, of what it leaves to everybody."""
        about = os.statvfs(folder)
        return about.f_bavail * about.f_frsize

    def in_the_way(self, folder: str) -> Iterator[str]:
        """See that this user may write there."""
        if not os.access(folder, os.W_OK | os.X_OK):
            yield f"this worker (uid {os.geteuid()}) cannot write in {folder}"

    def dump(self, form: Form, facts: Mapping[str, Any], doing: Doing, *, seconds: float) -> str:
        """Let pg_dump write into the part, see that it is whole, and give it its name."""
        path = Path(facts["file"])
        with ExitStack() as closing:
            with _nothing_done():
                folder = closing.enter_context(folder_of(path))
                if _known(folder) != facts["folder"]:
                    raise ActionFailed(f"{path.parent} is not the folder that was approved")
            new = closing.enter_context(new_file(folder, path.name))
            doing.check()
            with _nothing_done():
                self._write(form, facts, new.handle, doing.check, seconds=seconds)
                _see_whole(self.database, form, new.handle, doing.check)
                checksum = new.checksum(check=doing.check)
            doing.check()
            new.give_name(checksum)
        return checksum

    @contextmanager
    def looking(self, path: str, *, seconds: float = CALL_SECONDS) -> Iterator[FileHere]:
        """Look into the folder, as it is now."""
        with folder_of(Path(path)) as folder:
            yield FileHere(self.database, folder, Path(path).name)

    def _pg_dump(self, form: Form) -> PgProgram:
        """Find the programs that this takes. Raises: ActionNotApplicable, where the server is newer."""
        program = pg_program(self.database, "pg_dump")
        if form.format == "custom":
            pg_program(self.database, "pg_restore")
        with self.site.watching(self.database.name) as connection:
            server = connection.info.server_version // 10_000
        if program.major < server:
            raise ActionNotApplicable(
                f"{program.path} is of PostgreSQL {program.major} and does not dump a server of {server}; name a folder"
                f' of newer programs by programs = "..." in [databases.{self.database.name}]'
            )
        return program

    def _login(self) -> Database:
        """Give the monitor's login where it may read everything, or else the application's.

        Raises: ActionNotApplicable, where neither may.
        """
        unreadable: Sequence[Any] = ()
        with self.site.watching(self.database.name) as watching:
            unreadable = [row["format"] for row in watching.execute(UNREADABLE).fetchall()]
        watched = self.database.as_watched
        if not unreadable:
            return watched
        if self.database.monitor is not None:
            with self.site.database(self.database.name) as connection:
                if connection.execute(UNREADABLE).fetchone() is None:
                    return self.database
        raise ActionNotApplicable(
            f"{watched.user} may not read {unreadable[0]}, one of {len(unreadable)}, and no other described login may"
            f" read everything: GRANT pg_read_all_data TO {watched.user}"
        )

    def _write(
        self, form: Form, facts: Mapping[str, Any], handle: int, check: Callable[[], None], *, seconds: float
    ) -> None:
        program, watched = pg_program(self.database, "pg_dump"), self.database.as_watched
        if str(program) != facts["program"]:
            raise ActionFailed(f"{program} is not {facts['program']}, which was approved")
        asked = watched if watched.user == facts["login"] else self.database
        password = self.site.resolver.reveal(asked.password) if asked.password else None
        with login(asked, password) as (address, handed):
            ended = program.run(
                "--no-password",
                "--no-sync",  # done here
                f"--format={form.format}",
                f"--file=/proc/self/fd/{handle}",  # of 16 and later, what goes to standard output lacks its offsets
                f"--dbname={address}",
                handed=(handle, *handed),  # and so the lock
                seconds=seconds,
                check=check,
            )
        if ended.code:
            raise ActionFailed(f"pg_dump left nothing behind: {ended.complaint}")


@contextmanager
def _nothing_done() -> Iterator[None]:
    """Say in one way why there is no dump, such as that time is up or the disk is full. Raises: ActionFailed."""
    try:
        yield
    except (OSError, ActionNotApplicable, SecretUnavailable) as error:
        raise ActionFailed(f"pg_dump left nothing behind: {error}") from None


def _known(folder: int) -> str:
    about = os.fstat(folder)
    return f"{about.st_dev}:{about.st_ino}"


def _see_whole(database: Database, form: Form, handle: int, check: Callable[[], None]) -> None:
    """See that a dump is whole before it gets its name. Raises: ActionFailed."""
    if form.format == "custom":
        ended = listed(database, handle, check)
        if ended.code:
            raise ActionFailed(f"pg_restore cannot list what pg_dump wrote: {ended.complaint}")
    elif PLAIN_TAIL[0] not in tail_of(handle, TAIL_BYTES):
        raise ActionFailed("what pg_dump wrote ends before its last line")

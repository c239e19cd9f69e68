"""PostgreSQL's own programs on this machine, run for a described database without a password that anybody could see."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from awe_incidents.local.spawn import die_with_parent
from awe_incidents.recovery.actions.base import ActionFailed
from awe_incidents.recovery.actions.ended import Ended
from awe_incidents.recovery.actions.local_program import wait_for
from awe_incidents.recovery.actions.site import APPLICATION_NAME, CONNECT_SECONDS
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack import Database

HANDED_ON = ("HOME", "PATH")  # HOME has the certificates that libpq looks for
VERSION_SECONDS = 20.0
GRACE_SECONDS = 5.0  # in which a program tells the server to stop
MAX_SAID_BYTES = 100_000
NAMED_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")


@dataclass(frozen=True, slots=True)
class PgProgram:
    """One of PostgreSQL's programs, and of which version it is."""

    path: str
    version: str
    major: int

    def __str__(self) -> str:
        return f"{self.path} {self.version}"

    def run(
        self,
        *arguments: str,
        content: int = subprocess.DEVNULL,
        handed: Sequence[int] = (),
        seconds: float,
        check: Callable[[], None],
    ) -> Ended:
        """Run it to its end, reading from `content`; give its exit code and what it complains of.

        It ends with whoever started it, with the lease and when time is up. Raises: TimeoutError, what `check` does.
        """
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                (self.path, *arguments),
                stdin=content,
                stdout=subprocess.DEVNULL,
                stderr=said.fileno(),
                env=_environment(),
                pass_fds=handed,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # or with the thread that waits here
            )
            wait_for(process, name=self.path, seconds=seconds, check=check, grace_seconds=GRACE_SECONDS)
            text = os.pread(said.fileno(), MAX_SAID_BYTES, 0).decode("utf-8", "replace")
        return Ended(process.returncode, text)


def pg_program(database: Database, name: str) -> PgProgram:
    """Find a program where the description says, or else on the worker's PATH.

    Raises: ActionNotApplicable, where there is none or it does not say its version.
    """
    described = f'programs = "..." in [databases.{database.name}]'
    where = f"in {database.programs}, as {described} says" if database.programs else f"on the PATH, and no {described}"
    path = shutil.which(name, path=str(database.programs) if database.programs else None)
    if path is None:
        raise ActionNotApplicable(f"there is no {name} {where}")
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, text=True, env=_environment(), timeout=VERSION_SECONDS, check=True
        )
        found = NAMED_VERSION.search(told.stdout)
    except (OSError, subprocess.SubprocessError):
        found = None
    if found is None:
        raise ActionNotApplicable(f"{path} does not say which version of PostgreSQL it is of")
    return PgProgram(path, found[1], int(found[2]))


@contextmanager
def login(database: Database, password: str | None) -> Iterator[tuple[str, Sequence[int]]]:
    """Give what libpq connects by, for an argument, and the handles that a program needs for that.

    The password is in a file without a name (memfd), which only that program is handed: it stands in no argument, no
    variable and on no disk. Raises: ActionFailed.
    """
    known: dict[str, str | int] = {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "user": database.user,
        "sslmode": database.sslmode,
        "connect_timeout": round(CONNECT_SECONDS),
        "application_name": APPLICATION_NAME,
    }
    if password is None:
        yield make_conninfo("", **known), ()
        return
    if "\n" in password:
        raise ActionFailed("the password has a line break, which a password file of libpq cannot have")
    escaped = password.replace("\\", r"\\").replace(":", r"\:")
    try:
        handle = os.memfd_create("passfile")
    except OSError as error:
        raise ActionFailed(f"no file without a name can be made here for the password: {error.strerror}") from None
    try:
        os.fchmod(handle, 0o600)  # libpq reads no other
        os.write(handle, f"*:*:*:*:{escaped}\n".encode())
        yield make_conninfo("", **known, passfile=f"/proc/self/fd/{handle}"), (handle,)
    finally:
        os.close(handle)


def _environment() -> dict[str, str]:
    """Nothing of ours but what is needed: libpq takes settings from there, and our own secrets may be in it."""
    return {name: os.environ[name] for name in HANDED_ON if name in os.environ} | {"LC_ALL": "C"}

"""Dump a database inside its container, by one script that the engine runs once for a token."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from awe_incidents.recovery.actions.base import ActionFailed, Doing
from awe_incidents.recovery.actions.containers import file_inside, looking_inside, run_once
from awe_incidents.recovery.actions.dump_places import Form, Part
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.actions.traces import Trace, exec_once
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.stack import Database

MAX_NOTE_BYTES = 1_000
MAX_COPY_BYTES = 64_000_000
# $0 folder, $1 file, $2 role, $3 database. Between the two stands what writes `.$1.part` and reads it. `ln` refuses a
# name that is taken, which `mv` would overwrite.
BEFORE = """\
set -eu
umask 077
cd "$0"
( set -C; : >".$1.part" ) 2>/dev/null || { echo "an unfinished .$1.part is there" >&2; exit 73; }
trap 'rm -f ".$1.part"' EXIT
[ ! -e "$1" ] || { echo "$1 is there already" >&2; exit 73; }
"""
DUMP = 'pg_dump --username="$2" --no-password --format={format} --file=".$1.part" --dbname="$3"\n{look}\n'
AFTER = """\
sum=$(sha256sum <".$1.part")
( set -C; echo "${sum%% *}  $1" >"$1.sha256" ) 2>/dev/null || { echo "$1.sha256 is there already" >&2; exit 73; }
sync
ln ".$1.part" "$1" || { rm -f "$1.sha256"; exit 73; }
echo "${sum%% *}"
"""


@dataclass(frozen=True, slots=True)
class InsideItsContainer:
    """The container of a database, with its programs and its folder of backups."""

    site: Site
    database: Database

    def facts(self, file: str, form: Form) -> dict[str, Any]:
        """Give the container, and the file that is not there yet."""
        assert self.database.backups is not None  # or else it is not applicable
        path = f"{self.database.backups.directory}/{file}"
        with looking_inside(self.site, self.database.service) as inside:
            if FileInside(inside, path).is_there():
                raise ActionNotApplicable(f"{path} is there already and is never overwritten; give another name")
            return {"container": inside.container.id, "file": path}

    def free_bytes(self, folder: str) -> int:
        """Ask df."""
        with looking_inside(self.site, self.database.service) as inside:
            _, output = inside.run(["df", "-P", "-B1", folder])
        words = output.decode(errors="replace").splitlines()[-1].split()
        return int(words[3]) if len(words) > 3 and words[3].isdigit() else 0

    def in_the_way(self, folder: str) -> Iterator[str]:
        """What it may write there only trying tells."""
        yield from ()

    def dump(self, form: Form, facts: Mapping[str, Any], doing: Doing, *, seconds: float) -> str:
        """Run the script."""
        words = _words(self.database, form, facts)
        ended = run_once(self.site, self.database.service, words, doing=doing, seconds=seconds)
        if ended.code:
            raise ActionFailed(f"pg_dump left nothing behind: {ended.last_line or f'exit code {ended.code}'}")
        return ended.last_line

    @contextmanager
    def looking(self, path: str, *, seconds: float = CALL_SECONDS) -> Iterator[FileInside]:
        """Look into the container."""
        with looking_inside(self.site, self.database.service, seconds=seconds) as inside:
            yield FileInside(inside, path)


@dataclass(frozen=True, slots=True)
class FileInside:
    """A file in a container, looked at by the programs that checks may run there."""

    inside: InsideContainer
    path: str

    def is_there(self) -> bool:
        """Ask stat."""
        return self._stat(self.path)[0] == 0

    def part(self) -> Part:
        """See whether it is there; the script goes on without the worker, and one that was stopped may begin it yet."""
        folder, _, file = self.path.rpartition("/")
        is_begun = self._stat(f"{folder}/.{file}.part")[0] == 0
        return Part.MAY_BE_WRITTEN if is_begun or not self.is_there() else Part.NONE

    def checksum(self) -> str:
        """Ask sha256sum."""
        code, output = self.inside.run(["sha256sum", self.path])
        return output.decode(errors="replace").split()[0] if code == 0 else ""

    def noted_checksum(self) -> str:
        """Copy the file beside it. Raises: ContainerGone, where there is none."""
        note = file_inside(self.inside, f"{self.path}.sha256", max_bytes=MAX_NOTE_BYTES)
        return next(iter(note.decode(errors="replace").split()), "")

    def size_bytes(self) -> int:
        """Ask stat."""
        code, output = self._stat(self.path)
        return int(output.decode(errors="replace").split("|")[5]) if code == 0 else 0

    def is_listed(self) -> bool:
        """Ask pg_restore."""
        return self.inside.run(["pg_restore", "--list", self.path])[0] == 0

    def head(self, count: int) -> bytes:
        """Ask head."""
        return self.inside.run(["head", "-c", str(count), self.path])[1]

    def tail(self, count: int) -> bytes:
        """Ask tail."""
        return self.inside.run(["tail", "-c", str(count), self.path])[1]

    @contextmanager
    def opened(self, *, size_bytes: int) -> Iterator[BinaryIO | None]:
        """Copy it, if it has no more than 64 MB."""
        is_large = size_bytes > MAX_COPY_BYTES
        yield None if is_large else io.BytesIO(file_inside(self.inside, self.path, max_bytes=MAX_COPY_BYTES))

    def _stat(self, path: str) -> tuple[int, bytes]:
        return self.inside.run(["stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y", path])


def traces_inside(database: Database, form: Form, facts: Mapping[str, Any]) -> list[Trace]:
    """Show one run of the script."""
    return [exec_once(database.service, *_words(database, form, facts))]


def _words(database: Database, form: Form, facts: Mapping[str, Any]) -> list[str]:
    folder, _, file = facts["file"].rpartition("/")
    script = BEFORE + DUMP.format(format=form.format, look=form.look) + AFTER
    return ["sh", "-c", script, folder, file, database.as_watched.user, database.dbname]

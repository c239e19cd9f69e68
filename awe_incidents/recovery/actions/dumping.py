"""What the actions share that dump a database: a file made once inside its container, with a checksum beside it."""

from __future__ import annotations

import fnmatch
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Action, ActionFailed, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.containers import (
    file_inside,
    looking_inside,
    no_database,
    run_once,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace, exec_once
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.stack import Backups, StackConfig

MAX_NOTE_BYTES = 1_000
FREE = "SELECT pg_database_size(current_database()) AS size"
ABOUT = """
SELECT system_identifier::text AS system, (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid
FROM pg_control_system()
"""
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
AFTER = """\
sum=$(sha256sum <".$1.part")
( set -C; echo "${sum%% *}  $1" >"$1.sha256" ) 2>/dev/null || { echo "$1.sha256 is there already" >&2; exit 73; }
sync
ln ".$1.part" "$1" || { rm -f "$1.sha256"; exit 73; }
echo "${sum%% *}"
"""


@dataclass(frozen=True, kw_only=True)
class DumpParameters(Parameters):
    """Which database, and what its dump is called."""

    database: str = parameter("Name of the database in the stack's description.")
    name: str = parameter(
        "What it is called, without the ending that its file has.", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$"
    )
    minutes: int = parameter("How long it may take.", default=30, minimum=1, maximum=720)


@dataclass(frozen=True, slots=True)
class Content:
    """What a finished dump says of itself, and why it is not whole."""

    says: str = ""
    broken: str = ""


class Dump(Action[Any]):
    """Base of the actions that write one dump of one database."""

    parameters: ClassVar[type[Any]] = DumpParameters
    script: ClassVar[str]  # writes `.$1.part` as role $2 from database $3, and sees that it is whole

    @abstractmethod
    def file(self, plan: Backups, name: str) -> str:
        """Give the name of the file."""

    @abstractmethod
    def read(self, inside: InsideContainer, path: str, size_bytes: int) -> Content:
        """Read what was written, by another way than the script did."""

    def not_applicable(self, stack: StackConfig, parameters: DumpParameters) -> str | None:
        """Apply only where backups of a database in a container are described."""
        if why := no_database(stack, parameters.database):
            return why
        plan = stack.databases[parameters.database].backups
        if plan is None:
            return f"no [databases.{parameters.database}.backups] says where its backups lie"
        if fnmatch.fnmatch(f"{self.file(plan, parameters.name)}.sha256", plan.pattern):
            return f"the pattern {plan.pattern} does not tell backups from checksums; describe one such as *.dump"
        return None

    def target(self, stack: StackConfig, parameters: DumpParameters) -> str:
        """Lock the database below its service."""
        return f"{stack.databases[parameters.database].service}/{parameters.database}"

    def fingerprint(self, site: Site, parameters: DumpParameters) -> Mapping[str, Any]:
        """Give server, database and container, and the file that is not there yet."""
        database = site.stack.databases[parameters.database]
        assert database.backups is not None  # or else it is not applicable
        path = f"{database.backups.directory}/{self.file(database.backups, parameters.name)}"
        with looking_inside(site, database.service) as inside:
            if _is_there(inside, path):
                raise ActionNotApplicable(f"{path} is there already and is never overwritten; give another name")
            container = inside.container.id
        with site.watching(parameters.database) as connection:
            about = connection.execute(ABOUT).fetchone() or {}
        return {"container": container, "file": path, **about}

    def plan(self, acting: Acting[DumpParameters]) -> Plan:
        """Say that nothing is destroyed."""
        return Plan(
            way_back=f"remove {acting.facts['file']} and its .sha256",
            warnings=("the dump holds everything that the database holds, personal data, too",),
        )

    def prechecks(self, acting: Acting[DumpParameters]) -> Iterator[str]:
        """See that there is room for as much as the database takes."""
        database = acting.site.stack.databases[acting.parameters.database]
        folder = acting.facts["file"].rpartition("/")[0]
        with acting.site.watching(acting.parameters.database) as connection:
            size = (connection.execute(FREE).fetchone() or {})["size"]
        with looking_inside(acting.site, database.service) as inside:
            _, output = inside.run(["df", "-P", "-B1", folder])
        words = output.decode(errors="replace").splitlines()[-1].split()
        free = int(words[3]) if len(words) > 3 and words[3].isdigit() else 0
        if free < size:
            yield f"{folder} has {free} bytes left, and the database takes {size}"

    def steps(self, acting: Acting[DumpParameters]) -> Sequence[Step]:
        """Give the one step."""
        title = f"Dump {acting.parameters.database} to {acting.facts['file']}"
        return [Step("dump", title, partial(_dump, acting, self.script))]

    def traces(self, stack: StackConfig, parameters: DumpParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show one run of the script."""
        words = _words(stack, parameters, facts, self.script)
        return [exec_once(stack.databases[parameters.database].service, *words)]

    def verify(self, acting: Acting[DumpParameters]) -> Verified:
        """Calculate the checksum anew, and read what was written."""
        path, stack = acting.facts["file"], acting.site.stack
        service = stack.databases[acting.parameters.database].service
        with looking_inside(acting.site, service, seconds=acting.parameters.minutes * 60) as inside:
            noted = file_inside(inside, f"{path}.sha256", max_bytes=MAX_NOTE_BYTES).decode(errors="replace").split()
            is_same = noted[:1] == [_sum(inside, path)]
            size = _size(inside, path)
            content = self.read(inside, path, size)
        text = f"{path} has {size} bytes" + (f", {content.says}" if content.says else "")
        text += "" if is_same else "; its checksum differs"
        text += f"; {content.broken}" if content.broken else ""
        return Verified(
            is_good=is_same and not content.broken, text=text, after={"size": size, "sha256": (noted or [""])[0]}
        )

    def probe(self, acting: Acting[DumpParameters]) -> Probed:
        """Look which files are there."""
        path = acting.facts["file"]
        folder, _, file = path.rpartition("/")
        service = acting.site.stack.databases[acting.parameters.database].service
        with looking_inside(acting.site, service, seconds=acting.parameters.minutes * 60) as inside:
            if _is_there(inside, f"{folder}/.{file}.part"):
                return Probed.CANNOT_TELL  # it may be being written
            if not _is_there(inside, path):
                return Probed.NOT_STARTED  # nothing is left of it: what fails removes its file
            noted = file_inside(inside, f"{path}.sha256", max_bytes=MAX_NOTE_BYTES).decode(errors="replace").split()
            return Probed.FINISHED_WELL if noted[:1] == [_sum(inside, path)] else Probed.FINISHED_BADLY


def _dump(acting: Acting[DumpParameters], script: str, doing: Doing) -> None:
    database = acting.site.stack.databases[acting.parameters.database]
    words = _words(acting.site.stack, acting.parameters, acting.facts, script)
    ended = run_once(acting.site, database.service, words, doing=doing, seconds=acting.parameters.minutes * 60)
    if ended.code:
        raise ActionFailed(f"pg_dump left nothing behind: {ended.last_line or f'exit code {ended.code}'}")
    doing.say(f"wrote {acting.facts['file']}, sha256 {ended.last_line}")


def _words(stack: StackConfig, parameters: DumpParameters, facts: Mapping[str, Any], script: str) -> list[str]:
    database = stack.databases[parameters.database]
    folder, _, file = facts["file"].rpartition("/")
    return ["sh", "-c", BEFORE + script + AFTER, folder, file, database.as_watched.user, database.dbname]


def _sum(inside: InsideContainer, path: str) -> str:
    code, output = inside.run(["sha256sum", path])
    return output.decode(errors="replace").split()[0] if code == 0 else ""


def _size(inside: InsideContainer, path: str) -> int:
    code, output = inside.run(["stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y", path])
    return int(output.decode(errors="replace").split("|")[5]) if code == 0 else 0


def _is_there(inside: InsideContainer, path: str) -> bool:
    return inside.run(["stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y", path])[0] == 0

"""What the actions share that dump a database: a file made once in its folder of backups, with a checksum beside it."""

from __future__ import annotations

import fnmatch
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Action, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.containers import not_described
from awe_incidents.recovery.actions.dump_places import DumpFile, DumpPlace, Form, Part
from awe_incidents.recovery.actions.dumping_here import OnThisMachine
from awe_incidents.recovery.actions.dumping_inside import InsideItsContainer, traces_inside
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from diagnostics.stack import Backups, StackConfig

FREE = "SELECT pg_database_size(current_database()) AS size"
ABOUT = """
SELECT system_identifier::text AS system, (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid
FROM pg_control_system()
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
    form: ClassVar[Form]

    @abstractmethod
    def file(self, plan: Backups, name: str) -> str:
        """Give the name of the file."""

    @abstractmethod
    def read(self, file: DumpFile, size_bytes: int) -> Content:
        """Read what was written, by another way than it was."""

    def not_applicable(self, stack: StackConfig, parameters: DumpParameters) -> str | None:
        """Apply only where backups of the database are described."""
        if why := not_described(stack, parameters.database):
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
        """Give server, database and place, and the file that is not there yet."""
        database = site.stack.databases[parameters.database]
        assert database.backups is not None  # or else it is not applicable
        facts = _place(site, parameters).facts(self.file(database.backups, parameters.name), self.form)
        with site.watching(parameters.database) as connection:
            about = connection.execute(ABOUT).fetchone() or {}
        return {**facts, **about}

    def plan(self, acting: Acting[DumpParameters]) -> Plan:
        """Say that nothing is destroyed."""
        return Plan(
            way_back=f"remove {acting.facts['file']} and its .sha256",
            warnings=("the dump holds everything that the database holds, personal data, too",),
        )

    def prechecks(self, acting: Acting[DumpParameters]) -> Iterator[str]:
        """See that there is room for as much as the database takes, and that it can be written there."""
        place, folder = _place_of(acting), acting.facts["file"].rpartition("/")[0]
        with acting.site.watching(acting.parameters.database) as connection:
            size = (connection.execute(FREE).fetchone() or {})["size"]
        free = place.free_bytes(folder)
        if free < size:
            yield f"{folder} has {free} bytes left, and the database takes {size}"
        yield from place.in_the_way(folder)

    def steps(self, acting: Acting[DumpParameters]) -> Sequence[Step]:
        """Give the one step."""
        title = f"Dump {acting.parameters.database} to {acting.facts['file']}"
        return [Step("dump", title, partial(_dump, acting, self.form))]

    def traces(self, stack: StackConfig, parameters: DumpParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show one run of the script in a container; of processes an engine shows nothing."""
        if stack.engine is None:
            return []
        return traces_inside(stack.databases[parameters.database], self.form, facts)

    def verify(self, acting: Acting[DumpParameters]) -> Verified:
        """Calculate the checksum anew, and read what was written."""
        path = acting.facts["file"]
        with _place_of(acting).looking(path, seconds=acting.parameters.minutes * 60) as file:
            noted = file.noted_checksum()
            is_same = bool(noted) and noted == file.checksum()
            size = file.size_bytes()
            content = self.read(file, size)
        text = f"{path} has {size} bytes" + (f", {content.says}" if content.says else "")
        text += "" if is_same else "; its checksum differs"
        text += f"; {content.broken}" if content.broken else ""
        return Verified(is_good=is_same and not content.broken, text=text, after={"size": size, "sha256": noted})

    def probe(self, acting: Acting[DumpParameters]) -> Probed:
        """Look which files are there."""
        with _place_of(acting).looking(acting.facts["file"], seconds=acting.parameters.minutes * 60) as file:
            part = file.part()
            if part is Part.MAY_BE_WRITTEN:
                return Probed.CANNOT_TELL
            if not file.is_there():  # what fails removes its part, and what is killed leaves it
                return Probed.FINISHED_BADLY if part is Part.LEFT else Probed.NOT_STARTED
            noted = file.noted_checksum()
            return Probed.FINISHED_WELL if noted and noted == file.checksum() else Probed.FINISHED_BADLY


def _dump(acting: Acting[DumpParameters], form: Form, doing: Doing) -> None:
    checksum = _place_of(acting).dump(form, acting.facts, doing, seconds=acting.parameters.minutes * 60)
    doing.say(f"wrote {acting.facts['file']}, sha256 {checksum}")


def _place_of(acting: Acting[DumpParameters]) -> DumpPlace:
    return _place(acting.site, acting.parameters)


def _place(site: Site, parameters: DumpParameters) -> DumpPlace:
    database = site.stack.databases[parameters.database]
    if site.stack.engine is None:
        return OnThisMachine(site, database)
    return InsideItsContainer(site, database)

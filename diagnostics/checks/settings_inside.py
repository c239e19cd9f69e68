"""The variables that a container's service needs, as it was made with them and as its own processes have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from diagnostics.checks.seeing import Seeing
from diagnostics.checks.settings import FILE_SUFFIX, MAX_SECRET_BYTES, Setting, setting, wanted_names
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.container_processes import main_process
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.programs import ENVIRONMENTS, NO_PROGRAM, ProgramNotAllowed
from diagnostics.stack import Service

PRESENT, EMPTY = "present", "empty"
SET_BY_IT = "set by its entrypoint; the value is not seen"
TAKEN_AWAY = "the container has it, but its process was started without"


@dataclass(slots=True)
class Started:
    """A process, and which of the wanted variables it was started with: present or empty, by name."""

    pid: int
    name: str = ""
    parent: int = 0
    states: dict[str, str] = field(default_factory=dict)
    variables: int = 0  # none where it overwrote them with its title, or may not be looked into


def settings_inside(seeing: Seeing, service: Service) -> list[Setting]:
    """Give every setting that a service needs.

    Raises: ProcessUnknown, EngineFailure, ContainerGone, ContainerStopped, NotPermitted.
    """
    inside = seeing.surroundings.inside(service)
    assert isinstance(inside, InsideContainer)
    names = wanted_names(service)
    found = inside.environment([*names, *(name + FILE_SUFFIX for name in names)])
    settings = [setting(name, found, lambda place: _read(inside, place)) for name in names]
    processes = _started(inside, names)
    return [_as_started(one, processes, has_file=one.name + FILE_SUFFIX in found) for one in settings]


def _as_started(one: Setting, processes: list[Started], *, has_file: bool) -> Setting:
    """Correct what the container was made with by what its processes were started with, where that is seen."""
    if one.trouble in {"missing", "empty"}:
        is_there = any(process.states.get(one.name) == PRESENT for process in processes)
        return Setting(one.name, None, why=SET_BY_IT) if is_there else one
    main = main_process(processes)
    if main is None or not main.variables or one.trouble or has_file or main.states.get(one.name) == PRESENT:
        return one
    return Setting(one.name, None, main.states.get(one.name, "missing"), TAKEN_AWAY)


def _started(inside: InsideContainer, names: list[str]) -> list[Started]:
    """Ask a shell in the container; none where there is no bash, or where no process may be looked into."""
    code, output = inside.run(["bash", "-c", ENVIRONMENTS, *names])
    if code in NO_PROGRAM:
        return []
    found: list[Started] = []
    for line in output.decode(errors="replace").splitlines():
        first, _, second = line.replace("\t", " ").partition(" ")
        if first == "=" and second.isdecimal():
            found.append(Started(int(second)))
        elif not found:
            continue  # what the engine says of a container that ends at this moment
        elif first in names and second in {PRESENT, EMPTY}:
            found[-1].states[first] = second
        elif first == "Name:":
            found[-1].name = second
        elif first == "PPid:":
            found[-1].parent = int(second)
        elif first == "all":
            found[-1].variables = int(second)
    return sorted(found, key=lambda one: one.pid)


def _read(inside: InsideContainer, place: str) -> bytes:
    """Read the file of a secret as the container's user; it is kept no longer than the look takes."""
    folder = str((inside.container.attributes.get("Config") or {}).get("WorkingDir") or "/")
    path = str(PurePosixPath(folder) / place)
    try:
        code, data = inside.run(["head", "-c", str(MAX_SECRET_BYTES), path])
    except ProgramNotAllowed:
        raise FileUnusable("unreadable", "the name of its file is none that a check would open") from None
    if code in NO_PROGRAM:
        raise CouldNotLook(f"{inside.text} has no program to read {path} with", code="program.missing")
    if code:
        words = data.decode(errors="replace").strip()
        raise FileUnusable("missing" if "No such file" in words else "unreadable", words[:200])
    return data

"""Part of startup.file_permissions: files of containers, seen from inside, or on the host where nothing runs there."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from diagnostics.checks.descriptors_inside import processes_of
from diagnostics.checks.each import could_not_look
from diagnostics.checks.engine_host import has_other_users, is_this_machine
from diagnostics.checks.file_rights import Cited, Reader, exposed, finding_of, unreadable
from diagnostics.checks.mounted_files import Wanted, path_in, wanted_by
from diagnostics.checks.named_files import NamedFiles
from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.container_files import files_in
from diagnostics.probes.container_processes import main_process
from diagnostics.probes.container_user import starting_user
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.engine_failures import ContainerStopped
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.patience import all_within
from diagnostics.probes.permissions import FileSeen, Identity, see_file
from diagnostics.stack import StackConfig

ANSWER_SECONDS = 8.0

Files = Mapping[Path, FileSeen | FileUnusable]


@dataclass(frozen=True, slots=True)
class InsideLook:
    """What was found in containers, and what of the described files is left to be looked at on this machine."""

    left: NamedFiles
    readers: dict[str, Reader] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    files: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A container with what it must read, who it is, and what was seen of its files (none: nothing can be asked)."""

    container: Seen
    wanted: Sequence[Wanted]
    reader: Reader
    files: Files
    gone: frozenset[Path] = frozenset()  # sources of mounts that are no more


def look_inside(seeing: Seeing) -> InsideLook:
    """Look into all containers at once.

    Raises: EngineFailure, NotPermitted.
    """
    engine = seeing.surroundings.engine()
    told = engine.info()
    is_here = is_this_machine(seeing.stack, told) and not has_other_users(told)
    containers = [one for seen in seeing.surroundings.containers().values() for one in seen]
    wanted = {one.id: wanted_by(one, seeing.stack, is_local=is_here) for one in containers}
    by_id = {one.id: one for one in containers if wanted[one.id]}

    def ask(container_id: str) -> Opened:
        return _opened(engine, by_id[container_id], wanted[container_id], is_here=is_here)

    found = InsideLook(files_here(seeing.stack, containers, is_here=is_here))
    for container_id, answer in all_within(seeing.seconds_left(at_most=ANSWER_SECONDS), by_id, ask).items():
        service = by_id[container_id].service
        if isinstance(answer, TimeoutError):
            answer = CouldNotLook(f"{by_id[container_id]}: {answer}", code="engine.timeout")
        if isinstance(answer, CouldNotLook):
            found.findings.append(could_not_look(seeing, answer, target=service))
        elif isinstance(answer, Exception):
            raise answer
        else:
            found.readers[service] = answer.reader
            found.findings.extend(_judged(seeing, answer))
    return replace(found, files=sum(map(len, wanted.values())))


def files_here(stack: StackConfig, containers: Sequence[Seen], *, is_here: bool) -> NamedFiles:
    """Give the described files without those that only a container has; who reads them is judged inside."""
    left = NamedFiles.of(stack)
    for one in containers:
        service = stack.services.get(one.service)
        for path in service.files if service else ():
            if path in left and not (is_here and path_in(one, path)):
                del left[path]
    for file in left.values():
        file.readers.clear()
    return left


def _opened(engine: ReadOnlyEngine, container: Seen, wanted: Sequence[Wanted], *, is_here: bool) -> Opened:
    """Raises: EngineFailure, ContainerGone."""
    files: Files = {}
    gone = frozenset(one.named.path for one in wanted if is_here and one.source and _is_gone(one.source))
    if container.status == "running":
        with suppress(ContainerStopped):
            files = files_in(engine, container, [one.named.path for one in wanted])
    if not files and is_here:
        files = {one.named.path: _seen_here(one) for one in wanted if one.source}
    identity = identity_in(engine, container)
    text = str(identity) if identity else "the user that it starts as is in no list that can be read"
    return Opened(container, wanted, Reader(container.service, text, identity), files, gone)


def identity_in(engine: ReadOnlyEngine, container: Seen) -> Identity | None:
    """Give who a container's main process is, or would be at its start; None where that cannot be read.

    Raises: EngineFailure, ContainerGone.
    """
    if container.status == "running":
        with suppress(ContainerStopped):  # in a loop of crashes it is one moment up and the next down
            processes = processes_of(engine, container)
            main, ours = main_process(processes), next((one for one in processes if one.is_ours), None)
            if main and ours and (identity := main.identity(started_as=ours.uid)):
                return identity
    return starting_user(engine, container)


def _is_gone(source: Path) -> bool:
    try:
        source.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _seen_here(wanted: Wanted) -> FileSeen | FileUnusable:
    """Look at the host's file of a mount: folders above the mount keep nobody out of it."""
    assert wanted.source is not None
    try:
        seen = see_file(wanted.source)
    except FileUnusable as unusable:
        return unusable
    except NotPermitted as refusal:
        return FileUnusable("not_seen", str(refusal))
    return replace(seen, folders=())


def _judged(seeing: Seeing, opened: Opened) -> Iterator[Finding]:
    described = [one for one in opened.wanted if one.is_described]
    if not opened.files:
        if described:
            text = f"{opened.container.service}: its files were not seen, as nothing in its container can be asked"
            yield Finding(state=State.SKIP, code="file.not_seen", message=text, target=opened.container.service)
        return
    cited = _keep(seeing, opened)
    for one in opened.wanted:
        seen = opened.files.get(one.named.path)
        if one.named.path in opened.gone and one.is_judged_here:
            continue  # that it is not there is found on this machine
        if one.named.path in opened.gone:
            text = f"{one.named}: {one.source} on the host is gone, and the container keeps the old one until it starts"
            yield finding_of(State.FAIL, "file.missing", text, one.named, cited)
        elif isinstance(seen, FileSeen):
            yield from _rights(one, seen, opened.reader, cited)
        elif isinstance(seen, FileUnusable) and seen.code in {"missing", "unreadable"} and one.is_described:
            text = f"{one.named}: {seeing.clean(seen.text)}"
            yield finding_of(State.FAIL, f"file.{seen.code}", text, one.named, cited)


def _rights(wanted: Wanted, seen: FileSeen, reader: Reader, cited: Cited) -> Iterator[Finding]:
    is_socket = stat.S_ISSOCK(seen.about.st_mode)
    is_odd = not (seen.is_file or seen.is_folder)
    if is_socket:
        yield from _closed_socket(wanted, seen, reader, cited)
    elif is_odd and not wanted.is_described:
        return  # a device, say
    else:
        if not wanted.is_judged_here:
            yield from exposed(wanted.named, seen, cited, everybody_is="every user in its container")
        # What was mounted for the start alone may well be closed to a service that gave up rights since.
        may_have_read = reader.identity is not None and reader.identity.has_dropped and not wanted.is_described
        yield from () if may_have_read else unreadable(wanted.named, seen, [reader], cited)


def _closed_socket(wanted: Wanted, seen: FileSeen, reader: Reader, cited: Cited) -> Iterator[Finding]:
    """Find a socket, of the engine say, that its container cannot use: it takes the right to write."""
    if reader.identity and not reader.identity.may(2, seen.about):
        text = (
            f"{reader.name} ({reader.identity}) cannot use the socket {wanted.named}: its mode {seen.mode:04o} lets in"
            f" uid {seen.about.st_uid} and group {seen.about.st_gid}"
        )
        yield finding_of(State.FAIL, "file.unreadable", text, wanted.named, cited, seen=seen, reader=reader)


def _keep(seeing: Seeing, opened: Opened) -> Cited:
    paths = [one.named.path for one in opened.wanted]
    lines = [_line(path, opened.files.get(path)) for path in paths]
    files = seeing.keep("file_stat", source=f"files of {opened.container}", content=lines)
    who = seeing.keep("command", source=f"the user of {opened.container}", content=opened.reader.text)
    return Cited(
        {path: files.lines(number) for number, path in enumerate(paths, start=1)}, {opened.reader.name: who.whole()}
    )


def _line(path: Path, seen: FileSeen | FileUnusable | None) -> str:
    if isinstance(seen, FileSeen):
        return f"{path}: {seen.line}"
    return f"{path}: {seen or 'not seen'}"

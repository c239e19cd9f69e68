"""STA-07: the files of a stack are there, their services can read them, and nobody else can who must not.

Looked at are `[services.*] files` (configuration, secrets), the files of `[tls.*]`, secrets by `file:` reference, the
compose files and log files. Who a service is comes from its process: /proc/PID/status, by its pid_file.
Fail: `file.missing`, `file.unreadable` (the service's own user cannot read it; a folder on the way or its mode is
named), `file.key_exposed` (a private key with a mode wider than 0600, or 0640 where root owns it: PostgreSQL's rule).
Warn: `file.unreadable_again` (the service gave up rights after its start, so it may have read it before and cannot at
its next reload), `file.secret_exposed` (everybody can read a secret), `file.world_writable`, `file.in_open_folder`
(everybody can replace it: its folder is world-writable and not sticky), `file.not_regular`, `file.hangs` (3 s [ours]).
Pass: `file.permissions_fit`. Error: not_permitted, where this check's own user may not look.
Of containers what is mounted into them is looked at, too, from inside, where `files` are paths of the container unless
they are mounted; who a service is comes from its own process there, or from the user that it is to start as where it
does not run. Fail: `file.missing` also where the source of a mount is gone (the container has the old one until it
starts again), `file.unreadable` also for a mounted engine's socket that its user may not use. Skip: `file.not_seen`,
where nothing in the container can be asked.
TLS files that are missing are the finding of ssl.certificate_files, logs that are missing that of startup.logs. Where
an access list (ACL) stands on a file, its mode does not tell who may read it, and nothing is claimed. The guide's
`chown -R $(whoami) .` makes every key readable by whoever starts the stack and unreadable by a service with a user of
its own; what has to change is one file, which is named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import could_not_look
from diagnostics.checks.file_rights import Cited, Reader, exposed, finding_of, unreadable
from diagnostics.checks.files_inside import look_inside
from diagnostics.checks.named_files import NamedFile, NamedFiles
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import refused
from diagnostics.probes.host import process_of
from diagnostics.probes.patience import all_within
from diagnostics.probes.permissions import FileSeen, identity_of, see_file
from diagnostics.stack import Service, StackConfig

ANSWER_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class FilePermissions(Check):
    """Every file that the stack's description names, and what is mounted into containers."""

    slug: ClassVar[str] = "startup.file_permissions"
    title: ClassVar[str] = "Files are readable by their services, and keys by nobody else"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply to containers, and where files of this host are named."""
        return None if stack.vantage == "container" or NamedFiles.of(stack) else "the stack names no files"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all files at once, then judge each."""
        if seeing.surroundings.is_container:
            inside = look_inside(seeing)
            named, readers, findings, more = inside.left, inside.readers, inside.findings, inside.files
        else:
            named, findings, more = NamedFiles.of(seeing.stack), [], 0
            readers = {name: _reader(service) for name, service in seeing.stack.services.items()}
        answers = all_within(seeing.seconds_left(at_most=ANSWER_SECONDS), named, see_file)
        cited = _keep(seeing, answers, readers)
        findings += [
            one for path, file in named.items() for one in _judged(seeing, file, answers[path], readers, cited)
        ]
        yield from findings or [_fit(len(named) + more, readers, cited)]


def _reader(service: Service) -> Reader:
    if service.pid_file is None:
        return Reader(service.name, "the stack names no pid_file")
    try:
        identity = identity_of(process_of(service.pid_file))
    except (ProcessUnknown, NotPermitted) as error:
        return Reader(service.name, f"not known: {error}")
    return Reader(service.name, str(identity), identity)


def _keep(seeing: Seeing, answers: Mapping[Path, FileSeen | Exception], readers: Mapping[str, Reader]) -> Cited:
    stats = [one.line if isinstance(one, FileSeen) else f"{path}: {one}" for path, one in answers.items()]
    files = seeing.keep("file_stat", source="the files that the stack names", content=stats)
    lines = [f"{name}: {reader.text}" for name, reader in readers.items()]
    services = seeing.keep("command", source="/proc/PID/status of the services", content=lines or ["no service"])
    return Cited(
        {path: files.lines(number) for number, path in enumerate(answers, start=1)},
        {name: services.lines(number) for number, name in enumerate(readers, start=1)},
    )


def _judged(
    seeing: Seeing, named: NamedFile, answer: FileSeen | Exception, readers: Mapping[str, Reader], cited: Cited
) -> Iterator[Finding]:
    if isinstance(answer, FileSeen):
        yield from exposed(named, answer, cited)
        yield from unreadable(named, answer, [readers[name] for name in dict.fromkeys(named.readers)], cited)
    elif isinstance(answer, NotPermitted):
        yield could_not_look(seeing, answer, target=str(named.path))
    else:
        error = refused(named.path, answer) if isinstance(answer, TimeoutError) else answer
        if not isinstance(error, FileUnusable):
            raise error
        if error.code != "missing" or not named.is_missed_elsewhere:
            state = State.FAIL if error.code == "missing" else State.WARN
            yield finding_of(state, f"file.{error.code}", f"{named}: {seeing.clean(error.text)}", named, cited)


def _fit(files: int, readers: Mapping[str, Reader], cited: Cited) -> Finding:
    known = sum(reader.identity is not None for reader in readers.values())
    return Finding(
        state=State.PASS,
        code="file.permissions_fit",
        message=f"{files} files have fitting rights, seen for {known} of {len(readers)} services",
        measured={"files": Measurement(files)},
        citations=tuple(cited.files.values())[:1],
    )

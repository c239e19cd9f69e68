"""STA-07: the files of a stack are there, their services can read them, and nobody else can who must not.

Looked at are `[services.*] files` (configuration, secrets), the files of `[tls.*]`, secrets by `file:` reference, the
compose files and log files. Who a service is comes from its process: /proc/PID/status, by its pid_file.
Fail: `file.missing`, `file.unreadable` (the service's own user cannot read it; a folder on the way or its mode is
named), `file.key_exposed` (a private key with a mode wider than 0600, or 0640 where root owns it: PostgreSQL's rule).
Warn: `file.unreadable_again` (the service gave up rights after its start, so it may have read it before and cannot at
its next reload), `file.secret_exposed` (everybody can read a secret), `file.world_writable`, `file.in_open_folder`
(everybody can replace it: its folder is world-writable and not sticky), `file.not_regular`, `file.hangs` (3 s [ours]).
Pass: `file.permissions_fit`. Error: not_permitted, where this check's own user may not look.
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
from diagnostics.checks.named_files import NamedFile, NamedFiles
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import refused
from diagnostics.probes.host import process_of
from diagnostics.probes.patience import all_within
from diagnostics.probes.permissions import FileSeen, Identity, identity_of, see_file
from diagnostics.stack import Service, StackConfig

ANSWER_SECONDS = 3.0
ROOT_MODE, OWNER_MODE = 0o640, 0o600
EVERYBODY_WRITES, STICKY = 0o002, 0o1000


@dataclass(frozen=True, kw_only=True)
class FilePermissions(Check):
    """Every file that the stack's description names."""

    slug: ClassVar[str] = "startup.file_permissions"
    title: ClassVar[str] = "Files are readable by their services, and keys by nobody else"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to files of this host."""
        if stack.vantage != "process":
            return "the stack runs in containers; their files are not looked at from here"
        return None if NamedFiles.of(stack) else "the stack names no files"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all files at once, then judge each."""
        named = NamedFiles.of(seeing.stack)
        answers = all_within(seeing.seconds_left(at_most=ANSWER_SECONDS), named, see_file)
        readers = {name: _reader(service) for name, service in seeing.stack.services.items()}
        cited = _keep(seeing, answers, readers)
        findings = [one for path, file in named.items() for one in _judged(seeing, file, answers[path], readers, cited)]
        yield from findings or [_fit(named, readers, cited)]


@dataclass(frozen=True, slots=True)
class Reader:
    """A service as far as its files are concerned; without an identity, `text` says why."""

    name: str
    text: str
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Cited:
    """Where in the evidence each file stands, and where each service."""

    files: Mapping[Path, Citation]
    readers: Mapping[str, Citation]


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
        yield from _exposed(named, answer, cited)
        yield from _unreadable(named, answer, [readers[name] for name in dict.fromkeys(named.readers)], cited)
    elif isinstance(answer, NotPermitted):
        yield could_not_look(seeing, answer, target=str(named.path))
    else:
        error = refused(named.path, answer) if isinstance(answer, TimeoutError) else answer
        if not isinstance(error, FileUnusable):
            raise error
        if error.code != "missing" or not named.is_missed_elsewhere:
            state = State.FAIL if error.code == "missing" else State.WARN
            yield _finding(state, f"file.{error.code}", f"{named}: {seeing.clean(error.text)}", named, cited)


def _exposed(named: NamedFile, seen: FileSeen, cited: Cited) -> Iterator[Finding]:
    """Find who can get at a file and must not."""
    allowed = ROOT_MODE if seen.about.st_uid == 0 else OWNER_MODE
    is_key, everybody = named.is_key or seen.holds_key, seen.mode & 0o007
    if not seen.is_file and not seen.is_folder:
        yield _finding(State.WARN, "file.not_regular", f"{named} is neither a file nor a folder", named, cited)
    elif is_key and seen.mode & ~allowed & 0o077:
        text = f"{named} is a private key with mode {seen.mode:04o}; at most {allowed:04o} is safe"
        yield _finding(State.FAIL, "file.key_exposed", text, named, cited, seen=seen)
    elif named.is_secret and everybody:
        text = f"{named} has mode {seen.mode:04o}: every user of this machine can get at it"
        yield _finding(State.WARN, "file.secret_exposed", text, named, cited, seen=seen)
    elif everybody & EVERYBODY_WRITES and not (seen.is_folder and seen.mode & STICKY):
        text = f"{named} has mode {seen.mode:04o}: every user of this machine can change it"
        yield _finding(State.WARN, "file.world_writable", text, named, cited, seen=seen)
    elif (around := seen.folders[:1]) and around[0][1].st_mode & (EVERYBODY_WRITES | STICKY) == EVERYBODY_WRITES:
        text = f"{named} can be replaced by every user of this machine: its folder {around[0][0]} is world-writable"
        yield _finding(State.WARN, "file.in_open_folder", text, named, cited, seen=seen)


def _unreadable(named: NamedFile, seen: FileSeen, readers: list[Reader], cited: Cited) -> Iterator[Finding]:
    for reader in readers:
        barrier = seen.barrier(reader.identity) if reader.identity else ""
        if not barrier or reader.identity is None:
            continue
        text = f"{reader.name} (uid {reader.identity.uid}) cannot read {named}: {barrier} keeps it out"
        if reader.identity.has_dropped:
            text += "; it gave up rights after its start, so it may have read it then and cannot at its next reload"
            state, code = State.WARN, "file.unreadable_again"
        else:
            state, code = State.FAIL, "file.unreadable"
        yield _finding(state, code, text, named, cited, seen=seen, reader=reader)


def _finding(
    state: State,
    code: str,
    text: str,
    named: NamedFile,
    cited: Cited,
    *,
    seen: FileSeen | None = None,
    reader: Reader | None = None,
) -> Finding:
    return Finding(
        state=state,
        code=code,
        message=text,
        target=str(named.path),
        measured={
            "mode": Measurement(f"{seen.mode:04o}" if seen else None),
            "owner": Measurement(seen.about.st_uid if seen else None),
        },
        citations=(cited.files[named.path], *([cited.readers[reader.name]] if reader else [])),
    )


def _fit(named: NamedFiles, readers: Mapping[str, Reader], cited: Cited) -> Finding:
    known = sum(reader.identity is not None for reader in readers.values())
    return Finding(
        state=State.PASS,
        code="file.permissions_fit",
        message=f"{len(named)} files have fitting rights, seen for {known} of {len(readers)} services",
        measured={"files": Measurement(len(named))},
        citations=tuple(cited.files.values())[:1],
    )

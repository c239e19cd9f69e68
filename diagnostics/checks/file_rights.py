"""What the rights of one file mean: who can get at it and must not, and which service must read it and cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diagnostics.checks.named_files import NamedFile
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.probes.permissions import FileSeen, Identity

ROOT_MODE, OWNER_MODE = 0o640, 0o600
EVERYBODY_WRITES, STICKY = 0o002, 0o1000


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


def exposed(
    named: NamedFile, seen: FileSeen, cited: Cited, *, everybody_is: str = "every user of this machine"
) -> Iterator[Finding]:
    """Find who can get at a file and must not."""
    allowed = ROOT_MODE if seen.about.st_uid == 0 else OWNER_MODE
    is_key, everybody = named.is_key or seen.holds_key, seen.mode & 0o007
    if not seen.is_file and not seen.is_folder:
        yield finding_of(State.WARN, "file.not_regular", f"{named} is neither a file nor a folder", named, cited)
    elif is_key and seen.mode & ~allowed & 0o077:
        text = f"{named} is a private key with mode {seen.mode:04o}; at most {allowed:04o} is safe"
        yield finding_of(State.FAIL, "file.key_exposed", text, named, cited, seen=seen)
    elif named.is_secret and everybody:
        text = f"{named} has mode {seen.mode:04o}: {everybody_is} can get at it"
        yield finding_of(State.WARN, "file.secret_exposed", text, named, cited, seen=seen)
    elif everybody & EVERYBODY_WRITES and not (seen.is_folder and seen.mode & STICKY):
        text = f"{named} has mode {seen.mode:04o}: {everybody_is} can change it"
        yield finding_of(State.WARN, "file.world_writable", text, named, cited, seen=seen)
    elif (around := seen.folders[:1]) and around[0][1].st_mode & (EVERYBODY_WRITES | STICKY) == EVERYBODY_WRITES:
        text = f"{named} can be replaced by {everybody_is}: its folder {around[0][0]} is world-writable"
        yield finding_of(State.WARN, "file.in_open_folder", text, named, cited, seen=seen)


def unreadable(named: NamedFile, seen: FileSeen, readers: Sequence[Reader], cited: Cited) -> Iterator[Finding]:
    """Find the services that must read a file and cannot."""
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
        yield finding_of(state, code, text, named, cited, seen=seen, reader=reader)


def finding_of(
    state: State,
    code: str,
    text: str,
    named: NamedFile,
    cited: Cited,
    *,
    seen: FileSeen | None = None,
    reader: Reader | None = None,
) -> Finding:
    """Give a finding about a file, which cites its line, and that of the reader."""
    return Finding(
        state=state,
        code=code,
        message=text,
        target=named.target,
        measured={
            "mode": Measurement(f"{seen.mode:04o}" if seen else None),
            "owner": Measurement(seen.about.st_uid if seen else None),
        },
        citations=(cited.files[named.path], *([cited.readers[reader.name]] if reader else [])),
    )

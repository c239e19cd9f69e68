"""The described files of this machine with who must read them, and the rights that fit: the least that change."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.engine_host import has_other_users, is_this_machine
from diagnostics.checks.files_inside import files_here, identity_in
from diagnostics.checks.mounted_files import wanted_by
from diagnostics.checks.named_files import NamedFiles
from diagnostics.probes.container_files import files_in
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.host import process_of
from diagnostics.probes.permissions import FileSeen, Identity, identity_of, see_file

OTHERS, EVERYBODY, EVERYBODY_WRITES = 0o077, 0o007, 0o002
OWNER, GROUP_READS, OWNER_READS = 0o700, 0o040, 0o400
READS = 4


@dataclass(frozen=True, slots=True)
class Rights:
    """Mode and owner of a file."""

    mode: int
    uid: int
    gid: int

    @classmethod
    def of(cls, about: os.stat_result) -> Rights:
        """Take them from a stat."""
        return cls(stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid)

    def let_in(self, identity: Identity) -> bool:
        """Say whether a service can read what has these."""
        return identity.may(READS, os.stat_result((self.mode, 0, 0, 1, self.uid, self.gid, 0, 0, 0, 0)))

    def __str__(self) -> str:
        """Give MODE:UID:GID."""
        return f"{self.mode:04o}:{self.uid}:{self.gid}"


@dataclass(slots=True)
class DescribedFile:
    """One file of this machine that the stack's description names, or that is mounted into its containers."""

    path: Path
    names: set[str] = field(default_factory=set)  # as findings give them
    readers: dict[str, Identity | None] = field(default_factory=dict)  # by service; None where that is not known
    inside: list[tuple[Seen, Path]] = field(default_factory=list)  # containers that have it, and where
    is_key: bool = False
    is_secret: bool = False

    @property
    def real(self) -> Path:
        """Give its path with no link on the way; its own name may be one."""
        return Path(os.path.realpath(self.path.parent)) / self.path.name

    @property
    def is_private(self) -> bool:
        """Say whether nobody but its service may get at it."""
        return self.is_key or self.is_secret

    def allowed(self, uid: int) -> int:
        """Give the widest mode that is safe: PostgreSQL's rule for keys, and of secrets nothing for everybody."""
        if self.is_key:
            return OWNER | (GROUP_READS if uid == 0 else 0)
        return 0o7777 & ~(EVERYBODY if self.is_private else EVERYBODY_WRITES)


def described_files(site: Site) -> dict[Path, DescribedFile]:
    """Give the files by path. Raises: ActionNotApplicable, EngineFailure, NotPermitted."""
    if site.stack.vantage != "container":
        return _of_processes(site)
    engine = site.surroundings.engine()
    told = engine.info()
    if not is_this_machine(site.stack, told) or has_other_users(told):
        raise ActionNotApplicable("the files are on another machine, or its containers have users of their own")
    containers = [one for seen in site.surroundings.containers(anew=True).values() for one in seen]
    found = _files(files_here(site.stack, containers, is_here=True))
    for container in containers:
        identity = identity_in(engine, container)
        for wanted in wanted_by(container, site.stack, is_local=True):
            if wanted.source is not None:
                one = found.setdefault(wanted.source, DescribedFile(wanted.source))
                one.names |= {str(wanted.source), wanted.named.target}
                one.inside.append((container, wanted.named.path))
                if wanted.is_described or not (
                    identity and identity.has_dropped
                ):  # which may have read it at its start
                    one.readers[container.service] = identity
    return found


def see(file: DescribedFile) -> FileSeen | None:
    """Look at a file; None where it is no regular file, or there is none. Raises: NotPermitted."""
    with suppress(FileUnusable):
        seen = see_file(file.path)
        file.is_key = file.is_key or seen.holds_key
        folders = () if file.inside else seen.folders  # those above a mount keep nobody in a container out
        return replace(seen, folders=folders) if seen.is_file else None
    return None


def fitting(file: DescribedFile, seen: FileSeen) -> Rights:
    """Give the rights that a file should have: nobody reads it who must not, and its services do.

    Raises: ActionNotApplicable, where no one owner and group does it.
    """
    rights = Rights.of(seen.about)
    needless = OTHERS if file.is_key and rights.gid == 0 else 0  # of root's group is only who is root
    rights = Rights(rights.mode & file.allowed(rights.uid) & ~needless, rights.uid, rights.gid)
    known = {name: one for name, one in file.readers.items() if one is not None}
    for identity in known.values():
        if not rights.let_in(identity):
            rights = _letting_in(identity, rights, file)
    if out := [f"{name} (uid {one.uid})" for name, one in known.items() if not rights.let_in(one)]:
        raise ActionNotApplicable(
            f"{file.path}: no one owner and group lets all in who must read it, so {', '.join(out)} would be kept out"
        )
    for name, identity in known.items():
        for folder, about in seen.folders:
            if not identity.may(1, about):
                raise ActionNotApplicable(f"{file.path}: the folder {folder} keeps {name} out, and is left as it is")
    return rights


def _letting_in(identity: Identity, rights: Rights, file: DescribedFile) -> Rights:
    """Widen for its owner, else for its group, else give it another group, or a key another owner."""
    mode, uid, gid = rights.mode, rights.uid, rights.gid
    if identity.uid == uid:
        return Rights(mode | OWNER_READS, uid, gid)
    if file.is_key and uid != 0:
        return Rights(mode & file.allowed(identity.uid) | OWNER_READS, identity.uid, gid)
    if gid == identity.gid or gid in identity.groups:
        return Rights(mode | GROUP_READS, uid, gid)
    return Rights(mode & ~0o030 | GROUP_READS, uid, identity.gid)


def barriers(site: Site, file: DescribedFile, seen: FileSeen) -> list[str]:
    """Say who of its readers is kept out, as it is seen here and from inside of containers.

    Raises: EngineFailure, ContainerGone.
    """
    known = {name: one for name, one in file.readers.items() if one is not None}
    said = {name: seen.barrier(identity) for name, identity in known.items()}
    for container, path in file.inside:
        identity = known.get(container.service)
        if identity is None or container.status != "running":
            continue
        within = files_in(site.surroundings.engine(), container, [path]).get(path)
        if isinstance(within, FileSeen):
            said[container.service] = within.barrier(identity)
        elif within is not None:
            said[container.service] = within.text
    return [f"{name} cannot read {file.path}: {text}" for name, text in said.items() if text]


def _of_processes(site: Site) -> dict[Path, DescribedFile]:
    identities: dict[str, Identity | None] = {}
    for service in site.stack.services.values():
        identities[service.name] = None
        with suppress(ProcessUnknown, NotPermitted):
            if service.pid_file:
                identities[service.name] = identity_of(process_of(service.pid_file))
    return _files(NamedFiles.of(site.stack), identities)


def _files(named: NamedFiles, identities: Mapping[str, Identity | None] | None = None) -> dict[Path, DescribedFile]:
    return {
        path: DescribedFile(
            path,
            names={str(path), one.target},
            readers={name: (identities or {}).get(name) for name in one.readers},
            is_key=one.is_key,
            is_secret=one.is_secret,
        )
        for path, one in named.items()
    }


def chosen(files: Mapping[Path, DescribedFile], names: Iterable[str]) -> list[DescribedFile]:
    """Give the files with these names, all without any. Raises: ActionNotApplicable."""
    names = set(names)
    known = {path: {*one.names, str(one.real)} for path, one in files.items()}
    found = [one for path, one in files.items() if not names or known[path] & names]
    if unknown := sorted(names - {name for path in known for name in known[path]}):
        raise ActionNotApplicable(f"no file {unknown[0]} of this machine is described or mounted into a container")
    return sorted(found, key=lambda one: str(one.path))

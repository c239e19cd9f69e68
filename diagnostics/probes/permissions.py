"""Probe of rights: who may read a file, by its mode, its folders and the identity that a process runs under."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import mode_of, opened, read_bounded, stat_line

READS_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
STATUS_BYTES = 100_000
KEY_MARK = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
SNIFFED_BYTES = 65_536
ACCESS_LIST = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is where files are concerned; `has_dropped` says that it gave up rights it had at its start."""

    uid: int
    gid: int
    groups: frozenset[int]
    reads_all: bool = False
    has_dropped: bool = False

    def __str__(self) -> str:
        """Give `uid 70 gid 70 groups 70, 101`."""
        more = ", ".join(str(one) for one in sorted(self.groups)) or "none"
        return f"uid {self.uid} gid {self.gid} groups {more}{', reads everything' if self.reads_all else ''}"

    def may(self, wanted: int, about: os.stat_result) -> bool:
        """Say whether it has the right (4 reads, 1 enters) on what has this mode and owner."""
        if self.reads_all:
            return True
        if about.st_uid == self.uid:
            return bool(about.st_mode >> 6 & wanted)
        if about.st_gid == self.gid or about.st_gid in self.groups:
            return bool(about.st_mode >> 3 & wanted)
        return bool(about.st_mode & wanted)


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file or folder as its rights stand, and the folders that lead to it."""

    path: Path
    about: os.stat_result
    folders: tuple[tuple[Path, os.stat_result], ...]  # the nearest first
    line: str  # for evidence
    has_access_list: bool = False  # its mode alone does not tell who may read it
    holds_key: bool = False
    is_elsewhere: bool = False  # on another file system than ours, as in a container

    @property
    def mode(self) -> int:
        """Give the permission bits."""
        return stat.S_IMODE(self.about.st_mode)

    @property
    def is_file(self) -> bool:
        """Say whether it is a regular file."""
        return stat.S_ISREG(self.about.st_mode)

    @property
    def is_folder(self) -> bool:
        """Say whether it is a folder."""
        return stat.S_ISDIR(self.about.st_mode)

    def barrier(self, identity: Identity) -> str:
        """Say what keeps an identity from reading it: a folder or its own mode; "" where nothing does or may."""
        for folder, about in self.folders:
            if not identity.may(1, about) and (self.is_elsewhere or not _has_access_list(folder)):
                return f"the folder {folder} ({stat.filemode(about.st_mode)} uid {about.st_uid} gid {about.st_gid})"
        if self.has_access_list or identity.may(4, self.about):
            return ""
        return f"its mode {self.mode:04o} (uid {self.about.st_uid} gid {self.about.st_gid})"


def identity_of(process: psutil.Process) -> Identity:
    """Give who a process is.

    Raises: ProcessUnknown (code pid_file.stale), NotPermitted.
    """
    path = Path("/proc") / str(process.pid) / "status"
    try:
        text, owner = read_bounded(path, max_bytes=STATUS_BYTES).decode(errors="replace"), mode_of(path).st_uid
    except FileUnusable:
        raise ProcessUnknown("pid_file.stale", f"process {process.pid} has just ended") from None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    uid, gid = int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1])
    return Identity(
        uid=uid,
        gid=gid,
        groups=frozenset(map(int, fields.get("Groups", "").split())),
        reads_all=bool(int(fields.get("CapEff", "0").strip(), 16) & READS_ALL),
        has_dropped=owner != uid,  # the kernel hides a process that changed its user since it was started
    )


def see_file(path: Path) -> FileSeen:
    """Look at the rights of a file or folder; its content is only searched for the mark of a private key.

    Raises: FileUnusable (codes missing, unreadable), NotPermitted.
    """
    about = mode_of(path)
    return FileSeen(
        path=path,
        about=about,
        folders=tuple((folder, mode_of(folder)) for folder in _leading_to(path)),
        line=stat_line(path),
        has_access_list=_has_access_list(path),
        holds_key=stat.S_ISREG(about.st_mode) and _holds_key(path),
    )


def _leading_to(path: Path) -> Iterator[Path]:
    """Give the folders above a path as it is written, and above what it leads to."""
    real = Path(os.path.realpath(path))
    yield from dict.fromkeys([*Path(os.path.abspath(path)).parents, *real.parents])  # noqa: PTH100  links stay


def _holds_key(path: Path) -> bool:
    try:
        with opened(path) as file:
            return KEY_MARK.search(file.read(SNIFFED_BYTES)) is not None
    except (FileUnusable, NotPermitted, OSError):
        return False


def _has_access_list(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, ACCESS_LIST))
    except OSError:
        return False

"""Probe of a folder of database backups: what lies in it, and whether the newest is a whole dump."""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import io
import lzma
import os
import stat
import tarfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import opened, read_bounded, refused
from diagnostics.probes.pg_archive import MAGIC, Dump, DumpBroken, read_archive

MAX_ENTRIES = 10_000
HEAD_BYTES, TAIL_BYTES = 65_536, 2_048
PIECE_BYTES = 1_000_000
PLAIN_HEAD = (b"-- PostgreSQL database dump", b"-- PostgreSQL database cluster dump")
PLAIN_TAIL = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")
COMPRESSED: Final[dict[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
SEALED = (b"\x28\xb5\x2f\xfd", b"age-encryption.org", b"-----BEGIN PGP MESSAGE")  # zstd, age, OpenPGP
TABLE_OF_CONTENTS = "toc.dat"
LARGE_OBJECTS = ".toc"  # the file that lists them, and their files
MAX_LIST_BYTES = 50_000_000
BROKEN_STREAM = (EOFError, OSError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Backup:
    """A file, or the folder of a dump in directory format."""

    path: Path
    size_bytes: int
    modified_at: float  # epoch seconds
    inode: int
    mode: int

    @property
    def is_folder(self) -> bool:
        """Say whether it is a folder."""
        return stat.S_ISDIR(self.mode)


def backups_in(folder: Path, pattern: str) -> list[Backup]:
    """Give what matches the pattern, the newest first; a second name of the same file does not count.

    Raises: FileUnusable (codes missing, unreadable), NotPermitted.
    """
    found: dict[int, Backup] = {}
    try:
        with os.scandir(folder) as listing:
            for _, one in zip(range(MAX_ENTRIES), listing, strict=False):
                if fnmatch.fnmatch(one.name, pattern) and (backup := _backup(Path(one.path))):
                    found.setdefault(backup.inode, backup)
    except OSError as error:
        raise refused(folder, error) from None
    return sorted(found.values(), key=lambda backup: -backup.modified_at)


def _backup(path: Path) -> Backup | None:
    try:
        about = path.stat()
        size = about.st_size
        if stat.S_ISDIR(about.st_mode):
            if not (path / TABLE_OF_CONTENTS).exists():
                return None  # some other folder
            size = sum(one.stat().st_size for one in path.iterdir() if one.is_file())
    except OSError:  # a link to nowhere, gone this moment, or a folder of somebody else
        return None
    return Backup(path, size, about.st_mtime, about.st_ino, about.st_mode)


def read_backup(backup: Backup, *, ends_at: float) -> Dump:
    """Read what a backup says of itself, and whether it is whole as far as `ends_at` (`time.monotonic()`) allows.

    Raises: DumpBroken, FileUnusable, NotPermitted.
    """
    if backup.is_folder:
        return _read_folder(backup, ends_at)
    with opened(backup.path) as file:
        buffered = io.BufferedReader(cast("io.RawIOBase", file))
        return _read(buffered, size_bytes=backup.size_bytes, ends_at=ends_at)


def _read(file: Any, *, size_bytes: float, ends_at: float) -> Dump:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise DumpBroken("empty", "it has no bytes at all")
    if head.startswith(MAGIC):
        return read_archive(file, size_bytes=size_bytes, ends_at=ends_at)
    if any(line in head for line in PLAIN_HEAD):
        return _read_plain(file, size_bytes=size_bytes, ends_at=ends_at)
    if head[257:262] == b"ustar":
        return _read_tar(file, ends_at)
    for start, kind in COMPRESSED.items():
        if head.startswith(start):
            return _read_compressed(kind(file), ends_at)
    if head.startswith(SEALED):
        return Dump(kind="sealed", note="it is compressed or encrypted in a way that cannot be looked into from here")
    raise DumpBroken("not_a_dump", "it does not begin as a dump of pg_dump does")


def _read_compressed(file: Any, ends_at: float) -> Dump:
    try:
        return _read(file, size_bytes=float("inf"), ends_at=ends_at)
    except BROKEN_STREAM as error:
        code = "truncated" if isinstance(error, EOFError) else "damaged"
        raise DumpBroken(code, f"it cannot be decompressed: {error}") from None


def _read_plain(file: BinaryIO, *, size_bytes: float, ends_at: float) -> Dump:
    if size_bytes != float("inf"):
        file.seek(max(int(size_bytes) - TAIL_BYTES, 0))
    tail = b""
    while piece := file.read(PIECE_BYTES):
        tail = (tail + piece)[-TAIL_BYTES:]
        if time.monotonic() > ends_at:
            return Dump(kind="plain", note="it was not read to its end, for time was up")
    if not any(line in tail for line in PLAIN_TAIL):
        raise DumpBroken("truncated", "it ends before its last line, which says that the dump is complete")
    return Dump(kind="plain")


def _read_tar(file: BinaryIO, ends_at: float) -> Dump:
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            member = archive.next()
            contents = archive.extractfile(member) if member and member.name == TABLE_OF_CONTENTS else None
            if member is None or contents is None:
                raise DumpBroken("not_a_dump", f"it is a tar archive that does not begin with {TABLE_OF_CONTENTS}")
            dump = read_archive(cast("BinaryIO", contents), size_bytes=member.size, ends_at=ends_at)
    except tarfile.TarError as error:
        raise DumpBroken("damaged", f"it is no readable tar archive: {error}") from None
    file.seek(-2 * tarfile.BLOCKSIZE, os.SEEK_END)
    if file.read() != b"\0" * 2 * tarfile.BLOCKSIZE:
        raise DumpBroken("truncated", "the tar archive ends without its end mark")
    return replace(dump, kind="tar")


def _read_folder(backup: Backup, ends_at: float) -> Dump:
    contents = backup.path / TABLE_OF_CONTENTS
    with opened(contents) as file:
        buffered = cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", file)))
        dump = read_archive(buffered, size_bytes=backup.size_bytes, ends_at=ends_at)
    names = {one.name for one in backup.path.iterdir()}
    wanted = [item.file for item in dump.items if item.file]
    for name in [one for one in wanted if one.endswith(LARGE_OBJECTS) and one in names]:
        lines = read_bounded(backup.path / name, max_bytes=MAX_LIST_BYTES).decode(errors="replace").splitlines()
        wanted += [line.partition(" ")[2] for line in lines]
    missing = [name for name in wanted if name and not _has(name, names)]
    if missing:
        raise DumpBroken("truncated", f"{len(missing)} of its files are missing, {missing[0]} first")
    return replace(dump, kind="directory")


def _has(name: str, names: set[str]) -> bool:
    return any(f"{name}{ending}" in names for ending in ("", ".gz", ".lz4", ".zst"))


def unusable(error: FileUnusable) -> str:
    """Give the stable reason why a backup could not be opened."""
    return "not_regular" if error.code == "not_regular" else "unreadable"

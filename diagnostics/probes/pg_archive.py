"""Read pg_dump's archives as `pg_restore --list` does, and follow the last data to its end, which that does not.

The machine that looks needs no PostgreSQL programs, and no program is run on a file of somebody else's. The format is
that of PostgreSQL's pg_backup_archiver.c and pg_backup_custom.c; tried with what PostgreSQL 15 and 18 write.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

MAGIC = b"PGDMP"
FORMATS = {1: "custom", 3: "tar", 5: "directory"}
OLDEST, NEWEST = (1, 12), (1, 99)
MAX_STRING_BYTES = 64_000_000  # a function's text, a comment
MAX_ENTRIES = 2_000_000
MAX_TOC_BYTES = 512_000_000
OFFSET_NOT_SET, OFFSET_SET = 1, 2
UNNOTED = -1
BLOCK_DATA, BLOCK_BLOBS = 1, 3


class DumpBroken(Exception):
    """The file is no dump, or not a whole one; `code` is not_a_dump, truncated or damaged."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the table of contents."""

    description: str  # TABLE, TABLE DATA, INDEX ...
    namespace: str
    tag: str
    offset: int | None = None  # of its data in a custom dump; UNNOTED where it was written to a pipe
    file: str = ""  # of its data in a dump that is a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What a dump says of itself."""

    kind: str  # custom, tar, directory or plain
    database: str = ""
    server_version: str = ""
    made_at: datetime | None = None  # by the clock and in the time zone of the machine that made it
    items: tuple[Item, ...] = ()
    note: str = ""

    @property
    def tables_with_data(self) -> int:
        """Give how many tables have data in it."""
        return sum(item.description == "TABLE DATA" for item in self.items)

    def listing(self) -> Iterator[str]:
        """Give lines as `pg_restore --list` does."""
        return (f"{item.description} {item.namespace or '-'} {item.tag}" for item in self.items)


@dataclass(slots=True)
class _Reader:
    """Numbers and texts as pg_dump writes them."""

    file: BinaryIO
    int_bytes: int = 4
    offset_bytes: int = 8
    version: tuple[int, int] = (1, 12)
    read_bytes: int = field(default=0)

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        self.read_bytes += count
        if len(data) < count:
            raise DumpBroken("truncated", "the file ends in the middle of its table of contents")
        if self.read_bytes > MAX_TOC_BYTES:
            raise DumpBroken("damaged", "its table of contents is larger than any real one")
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        negative, data = self.byte(), self.take(self.int_bytes)
        value = int.from_bytes(data, "little")
        return -value if negative else value

    def string(self) -> str:
        length = self.integer()
        if length > MAX_STRING_BYTES:
            raise DumpBroken("damaged", "a text in its table of contents has an impossible length")
        return self.take(length).decode(errors="replace") if length > 0 else ""

    def offset(self) -> tuple[int, int]:
        flag = self.byte()
        return flag, int.from_bytes(self.take(self.offset_bytes), "little")


def read_archive(file: BinaryIO, *, size_bytes: float, ends_at: float) -> Dump:
    """Read a custom dump, or the `toc.dat` of the other formats; `file` is buffered and at its start.

    The data behind the table of contents are walked through until `ends_at` (`time.monotonic()`) at most.
    Raises: DumpBroken.
    """
    reader = _Reader(file)
    kind = _head(reader)
    made_at = _time(reader)
    database, server_version, _ = reader.string(), reader.string(), reader.string()
    count = reader.integer()
    if not 0 <= count <= MAX_ENTRIES:
        raise DumpBroken("damaged", "its table of contents has an impossible length")
    items = tuple(_item(reader, kind) for _ in range(count))
    note = _walk(reader, items, size_bytes=size_bytes, ends_at=ends_at) if kind == "custom" else ""
    return Dump(kind=kind, database=database, server_version=server_version, made_at=made_at, items=items, note=note)


def _head(reader: _Reader) -> str:
    if reader.file.read(len(MAGIC)) != MAGIC:
        raise DumpBroken("not_a_dump", "it does not begin as a dump of pg_dump does")
    major, minor, _ = reader.byte(), reader.byte(), reader.byte()
    reader.version = (major, minor)
    if not OLDEST <= reader.version <= NEWEST:
        raise DumpBroken("damaged", f"its format has the unknown version {major}.{minor}")
    reader.int_bytes, reader.offset_bytes = reader.byte(), reader.byte()
    if reader.int_bytes not in {4, 8} or reader.offset_bytes not in {4, 8}:
        raise DumpBroken("damaged", "its head has impossible sizes of numbers")
    kind = FORMATS.get(reader.byte())
    if kind is None:
        raise DumpBroken("damaged", "its head names an unknown format")
    if reader.version >= (1, 15):
        reader.byte()  # the compression's algorithm
    else:
        reader.integer()  # the compression's level
    return kind


def _time(reader: _Reader) -> datetime | None:
    second, minute, hour, day, month, year, _ = (reader.integer() for _ in range(7))
    try:
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59))  # noqa: DTZ001  its zone is unknown
    except (ValueError, OverflowError):
        return None


def _item(reader: _Reader, kind: str) -> Item:
    reader.integer()  # id
    has_data = bool(reader.integer())
    reader.string()  # table oid
    reader.string()  # oid
    tag, description = reader.string(), reader.string()
    reader.integer()  # section
    for _ in range(3):
        reader.string()  # definition, drop statement, copy statement
    namespace = reader.string()
    reader.string()  # tablespace
    if reader.version >= (1, 14):
        reader.string()  # table access method
    if reader.version >= (1, 16):
        reader.integer()  # kind of relation
    reader.string()  # owner
    reader.string()  # whether with oids, which is history
    while reader.string():
        pass  # what it depends on
    if kind != "custom":
        return Item(description, namespace, tag, file=reader.string())
    flag, offset = reader.offset()
    if not has_data or flag not in {OFFSET_NOT_SET, OFFSET_SET}:
        return Item(description, namespace, tag)
    return Item(description, namespace, tag, offset if flag == OFFSET_SET else UNNOTED)


def _walk(reader: _Reader, items: tuple[Item, ...], *, size_bytes: float, ends_at: float) -> str:
    """Follow the last data to its end, or all of them where pg_dump could not note where each begins."""
    offsets = [item.offset for item in items if item.offset is not None]
    if not offsets:
        return ""
    known = [offset for offset in offsets if offset != UNNOTED]
    blocks = 1 if known else len(offsets)
    if known:
        if max(known) >= size_bytes:
            raise DumpBroken("truncated", f"data are to begin at byte {max(known)}, and it has {size_bytes}")
        reader.file.seek(max(known))
    for done in range(blocks):
        if not _block(reader, size_bytes, ends_at):
            return f"its data were followed for {done} of {blocks} blocks, then time was up"
    return ""


def _block(reader: _Reader, size_bytes: float, ends_at: float) -> bool:
    """Skip one block; give False when time is up. Raises: DumpBroken."""
    kind = _data(reader, 1)[0]
    _number(reader)  # whose data
    if kind not in {BLOCK_DATA, BLOCK_BLOBS}:
        raise DumpBroken("damaged", "what stands where data are to begin is no data")
    if kind == BLOCK_DATA:
        return _chunks(reader, size_bytes, ends_at)
    while _number(reader):
        if not _chunks(reader, size_bytes, ends_at):
            return False
    return True


def _chunks(reader: _Reader, size_bytes: float, ends_at: float) -> bool:
    while length := _number(reader):
        if length < 0:
            raise DumpBroken("damaged", "a piece of its data has an impossible length")
        if reader.file.seek(length, 1) > size_bytes:
            raise DumpBroken("truncated", "the file ends in the middle of its data")
        if time.monotonic() > ends_at:
            return False
    return True


def _number(reader: _Reader) -> int:
    data = _data(reader, 1 + reader.int_bytes)
    value: int = struct.unpack("<q" if reader.int_bytes == 8 else "<i", data[1:])[0]
    return -value if data[0] else value


def _data(reader: _Reader, count: int) -> bytes:
    data = reader.file.read(count)
    if len(data) < count:
        raise DumpBroken("truncated", "the file ends in the middle of its data")
    return data

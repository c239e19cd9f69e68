"""A bundle (docs/audit-bundle.md) as a stream: a ZIP archive that is made while it is sent, of a log of any size.

Memory holds some pieces, and of each file its name. Texts come first: as long as an erasure is found behind the
checkpoint, the log is followed to the next one, so that no text is missed whose erasure is not in the bundle.
"""

from __future__ import annotations

import time
import zipfile
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

import psycopg
import structlog
from psycopg.rows import dict_row

from awe_incidents.audit import bundle_schema
from awe_incidents.audit.bundle import DISCLOSURES, PROJECTION, disclosure_line, projection_line
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.errors import AwaitsSignature, ExportRefused
from awe_incidents.audit.exporting import (
    ERASURE_SECONDS,
    anchor_proofs,
    has_erasure_behind,
    projection_of,
    signed_checkpoints,
)
from awe_incidents.audit.log_rows import ENTRIES_AT_ONCE, bodies_there
from awe_incidents.audit.log_tree import LogTree
from awe_incidents.audit.tile_files import TileGrower
from awe_incidents.audit.tiles import ENTRIES, TileName

PIECE_BYTES = 65_536
_FAST = 1  # of deflate: texts and entries to a third, as fast as the database gives them
_FILE_MODE = 0o644 << 16
_TEXTS = """
SELECT leaf.index, field, salt, value
FROM audit_leaf AS leaf JOIN audit_disclosure AS text ON text.entry_id = leaf.entry_id
WHERE leaf.index >= %s AND leaf.index < %s ORDER BY leaf.index, field"""
_COLUMNS = """
SELECT leaf.index, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at
FROM audit_leaf AS leaf JOIN audit_entry AS entry ON entry.id = leaf.entry_id
WHERE leaf.index >= %s AND leaf.index < %s ORDER BY leaf.index"""

log = structlog.get_logger(__name__)


def archive(connection: psycopg.Connection, *, keys: Iterable[str], with_texts: bool = True) -> Iterator[bytes]:
    """Yield a bundle up to the newest checkpoint, piece by piece.

    Rows that are gone or were changed do not stop it: the bundle is what the verifier says so of.
    Raises: AwaitsSignature, TrailBroken, before the first piece; ExportRefused, where an erasure is never signed.
    """
    tree = LogTree(connection)
    if with_texts and has_erasure_behind(connection, tree.size):
        raise AwaitsSignature("an erasure is not signed yet; try again in a second")
    stream = _Stream()
    if with_texts:
        tree = yield from _write_texts(stream, connection, tree)
    yield from _write_projection(stream, connection, tree.size)
    yield from _write_tiles(stream, connection, tree.checkpoint)
    yield from _write_checkpoints(stream, connection, tree.note)
    for name, content in anchor_proofs(connection, size=tree.size):
        stream.add(name, content)
        yield from stream.ready()
    stream.add("vkeys", "".join(f"{line}\n" for line in keys).encode())
    stream.add(bundle_schema.NAME, bundle_schema.schema_file())
    stream.add("checkpoint", tree.note)
    yield stream.end()


class _Stream:
    """An archive into which files are written, and the bytes of it that are ready to be sent."""

    def __init__(self) -> None:
        self._ready = bytearray()
        # It has no `tell`: so the archive is one that is written in one go, with sizes behind the contents.
        self._archive = zipfile.ZipFile(self, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)  # type: ignore[call-overload]

    def write(self, data: bytes) -> int:
        """Take bytes of the archive."""
        self._ready += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: the archive wants a file that can be told to."""

    def add(self, name: str, content: bytes, *, method: int = zipfile.ZIP_DEFLATED) -> None:
        """Add a whole file."""
        self._archive.writestr(_file(name, method), content)

    @contextmanager
    def adding(self, name: str) -> Iterator[IO[bytes]]:
        """Add a file of any size, bit by bit."""
        with self._archive.open(_file(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as file:
            yield file

    def ready(self) -> Iterator[bytes]:
        """Yield what is ready, where it is worth a piece."""
        if len(self._ready) >= PIECE_BYTES:
            piece, self._ready = bytes(self._ready), bytearray()
            yield piece

    def end(self) -> bytes:
        """End the archive, and give what is left."""
        self._archive.close()
        return bytes(self._ready)


def _file(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type, info.external_attr = method, _FILE_MODE
    return info


def _write_texts(stream: _Stream, connection: psycopg.Connection, tree: LogTree) -> Generator[bytes, None, LogTree]:
    """Write the texts of all entries; give the log under whose checkpoint every erasure so far stands."""
    ends_at, done = time.monotonic() + ERASURE_SECONDS, 0
    with stream.adding(DISCLOSURES) as file:
        while True:
            for start, end in _spans(done, tree.size):
                texts: dict[int, dict[str, Disclosure]] = defaultdict(dict)
                for index, field, salt, value in connection.execute(_TEXTS, [start, end]):
                    texts[index][field] = Disclosure(bytes(salt), value)
                file.writelines(disclosure_line(index, found) for index, found in texts.items())
                yield from stream.ready()
            done = tree.size
            if not has_erasure_behind(connection, done):
                return tree
            if time.monotonic() > ends_at:
                raise ExportRefused("an erasure is not signed yet; is the signer running?")
            time.sleep(0.2)
            tree = LogTree(connection)


def _write_projection(stream: _Stream, connection: psycopg.Connection, size: int) -> Iterator[bytes]:
    with stream.adding(PROJECTION) as file:
        for span in _spans(0, size):
            rows = connection.cursor(row_factory=dict_row).execute(_COLUMNS, span)
            file.writelines(projection_line(row["index"], projection_of(row)) for row in rows)
            yield from stream.ready()


def _write_tiles(stream: _Stream, connection: psycopg.Connection, checkpoint: Checkpoint) -> Iterator[bytes]:
    def write(name: TileName, data: bytes) -> None:
        stream.add(str(name), data, method=zipfile.ZIP_DEFLATED if name.level == ENTRIES else zipfile.ZIP_STORED)

    tiles = TileGrower(write)
    for body in bodies_there(connection, checkpoint.size):
        tiles.append(body)
        yield from stream.ready()
    if tiles.size != checkpoint.size:
        log.error("an exported trail is not whole", size=checkpoint.size, found=tiles.size)
    if tiles.flush() != checkpoint.root:
        log.error("an exported trail is not the one that was signed", size=checkpoint.size)


def _write_checkpoints(stream: _Stream, connection: psycopg.Connection, newest: bytes) -> Iterator[bytes]:
    with stream.adding("checkpoints") as file:
        for number, note in enumerate(signed_checkpoints(connection, newest)):
            file.write(b"\n" * bool(number) + note)
            yield from stream.ready()


def _spans(start: int, end: int) -> Iterator[tuple[int, int]]:
    for first in range(start, end, ENTRIES_AT_ONCE):
        yield first, min(end, first + ENTRIES_AT_ONCE)

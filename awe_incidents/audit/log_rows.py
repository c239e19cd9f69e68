"""What signer and export read of the log in the database: its head, and its entries in the order of their leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from awe_incidents.audit.errors import HeadForks, SequenceMissing

ENTRIES_AT_ONCE = 256
_BODIES = """
SELECT leaf.index, entry.body FROM audit_leaf AS leaf LEFT JOIN audit_entry AS entry ON entry.id = leaf.entry_id
WHERE leaf.index >= %s AND leaf.index < %s ORDER BY leaf.index"""

_NEWEST = "SELECT note FROM audit_checkpoint ORDER BY size DESC, signed_at DESC, id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class LogHead:
    """The tree as the sequencer says that it is; with `is_drained`, its last look for entries came to an end."""

    size: int
    root: bytes
    is_drained: bool


def log_head(connection: psycopg.Connection) -> LogHead:
    """Give the sequencer's head; raises SequenceMissing."""
    row = connection.execute("SELECT size, root, looking IS NULL FROM audit_sequence WHERE id = 1").fetchone()
    if row is None:
        raise SequenceMissing("the one row of audit_sequence is gone; restore the database")
    return LogHead(*row)


def bodies(connection: psycopg.Connection, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of the entries from index `start` to before `end`; raises HeadForks where one is not there."""
    while start < end:
        stop = min(end, start + ENTRIES_AT_ONCE)
        rows = connection.execute(_BODIES, [start, stop]).fetchall()
        for wanted, (index, body) in enumerate(rows, start):
            if index != wanted or body is None:
                raise HeadForks(f"entry {wanted} is gone, or its leaf")
            yield bytes(body)
        if len(rows) < stop - start:
            raise HeadForks(f"entry {start + len(rows)} is gone, or its leaf")
        start = stop


def bodies_there(connection: psycopg.Connection, end: int) -> Iterator[bytes]:
    """Yield the bytes of those of the first `end` entries that are there, whatever place they have."""
    for start in range(0, end, ENTRIES_AT_ONCE):
        rows = connection.execute(_BODIES, [start, min(end, start + ENTRIES_AT_ONCE)])
        yield from (bytes(body) for _, body in rows if body is not None)


def newest_note(connection: psycopg.Connection) -> bytes | None:
    """Give the newest signed checkpoint: what witnesses signed is inserted later, under the size that it has."""
    row = connection.execute(_NEWEST).fetchone()
    return None if row is None else bytes(row[0])

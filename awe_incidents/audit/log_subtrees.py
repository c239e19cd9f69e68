"""Roots of complete subtrees as rows, one for every 256 entries: with them a proof of any log reads some hundred rows.

They vouch for nothing. What is computed of them is held against what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from awe_incidents.audit.errors import TileMissing, TileRefused
from awe_incidents.audit.log_rows import log_head
from awe_incidents.audit.merkle import Frontier
from awe_incidents.audit.tiles import HEIGHT, WIDTH, subtree_root

FILLED_AT_ONCE = 100
_INSERT = """
INSERT INTO audit_subtree (level, index, root)
SELECT * FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(roots)s::bytea[])
ON CONFLICT DO NOTHING"""
_MISSING = """
SELECT place FROM generate_series(0, %(count)s - 1) AS place
WHERE NOT EXISTS (SELECT FROM audit_subtree WHERE level = %(level)s AND index = place) ORDER BY place"""
_LEAVES = """
SELECT sha256('\\x00'::bytea || entry.body)
FROM audit_leaf AS leaf JOIN audit_entry AS entry ON entry.id = leaf.entry_id
WHERE leaf.index >= %(start)s AND leaf.index < %(end)s ORDER BY leaf.index"""
_ROOTS = """
SELECT root FROM audit_subtree WHERE level = %(level)s AND index >= %(start)s AND index < %(end)s ORDER BY index"""


@dataclass(frozen=True, slots=True)
class Completed:
    """A subtree that an entry completed: 1 is the level over 256 entries."""

    level: int
    index: int
    root: bytes


def completed_by(frontier: Frontier, hash_of_leaf: bytes) -> list[Completed]:
    """Add a leaf to a tree, and give the subtrees that are to be kept of what it completed."""
    roots = frontier.append(hash_of_leaf)
    last = frontier.size - 1
    return [Completed(height // HEIGHT, last >> height, roots[height]) for height in range(HEIGHT, len(roots), HEIGHT)]


def insert_subtrees(connection: psycopg.Connection, subtrees: Iterable[Completed]) -> None:
    """Insert subtrees; those that are there already stay."""
    levels, indexes, roots = zip(*((one.level, one.index, one.root) for one in subtrees), strict=True)
    connection.execute(_INSERT, {"levels": [*levels], "indexes": [*indexes], "roots": [*roots]})


def fill_subtrees(connection: psycopg.Connection) -> None:
    """Insert what is missing: of entries that got their places before there were such rows, or of rows that were lost.

    Where an entry is gone, its subtree stays away; the signer and every export tell of it.
    """
    size, level = log_head(connection).size, 1
    while count := size >> HEIGHT * level:
        places = [place for (place,) in connection.execute(_MISSING, {"count": count, "level": level})]
        for start in range(0, len(places), FILLED_AT_ONCE):
            found = [
                one for place in places[start : start + FILLED_AT_ONCE] for one in _computed(connection, level, place)
            ]
            if found:
                insert_subtrees(connection, found)
        level += 1


def hashes_of_tile(connection: psycopg.Connection, *, level: int, index: int, width: int) -> list[bytes]:
    """Give the hashes of a tile, those of entries from their bytes; raises TileMissing where some are gone."""
    start = index * WIDTH
    bounds = {"level": level, "start": start, "end": start + width}
    hashes = [bytes(one) for (one,) in connection.execute(_ROOTS if level else _LEAVES, bounds)]
    if len(hashes) != width:
        raise TileMissing(f"of the hashes {start} to {start + width - 1} of level {level} only {len(hashes)} are there")
    return hashes


def _computed(connection: psycopg.Connection, level: int, index: int) -> list[Completed]:
    try:
        row = hashes_of_tile(connection, level=level - 1, index=index, width=WIDTH)
    except TileRefused:
        return []
    return [Completed(level, index, subtree_root(row))]

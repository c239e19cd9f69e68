"""The sequencer: gives every committed entry its place in the tree, without gaps, in batches of one transaction each.

Which entries wait is found by what PostgreSQL's snapshots say, as ids and times do not tell in which order transactions
commit. A look that came to its end leaves its snapshot behind: all that it sees has its leaf. What is new since then
was written by transactions that began later, or by those that still ran at that time, which the snapshot names; an
index finds both, so a long transaction costs nothing. Of what is found, the entries without a leaf get one. A look at
everything starts over, as whoever has just connected must: the database may have been restored into another server,
whose transactions are counted anew.

One row is locked meanwhile, so there may be many sequencers; what is killed leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from awe_incidents.audit.errors import SequenceMissing
from awe_incidents.audit.log_subtrees import completed_by, insert_subtrees
from awe_incidents.audit.merkle import HASH_BYTES, Frontier

BATCH = 5000  # entries looked at in one transaction
NOTHING_SEEN = "1:1:"

# What is looked at is limited before anything else is asked: so the index on (xid, id) serves, whatever PostgreSQL
# believes of tables that it has not analyzed yet.
_LOOK = """
  (SELECT xid, id FROM audit_entry WHERE (xid, id) > (%(new_xid)s::xid8, %(new_id)s) ORDER BY xid, id LIMIT %(limit)s)
  UNION ALL
  (SELECT running.xid, entry.id FROM unnest(%(running)s::xid8[]) AS running (xid) CROSS JOIN LATERAL (
     SELECT id FROM audit_entry WHERE xid = running.xid AND (xid, id) > (%(at_xid)s::xid8, %(at_id)s)
     ORDER BY xid, id LIMIT %(limit)s) AS entry)"""
_BATCH = f"""
WITH looked AS MATERIALIZED (SELECT * FROM ({_LOOK}) AS found ORDER BY xid, id LIMIT %(limit)s),
waiting AS MATERIALIZED (
  SELECT looked.* FROM looked
  LEFT JOIN LATERAL (SELECT true AS is_there FROM audit_leaf WHERE entry_id = looked.id LIMIT 1) AS leaf ON true
  WHERE is_there IS NULL)
SELECT pg_current_snapshot()::text AS snapshot, (SELECT count(*) FROM looked) AS looked_at,
  (SELECT looked.xid::text FROM looked ORDER BY looked.xid DESC, id DESC LIMIT 1) AS last_xid,
  (SELECT id FROM looked ORDER BY looked.xid DESC, id DESC LIMIT 1) AS last_id,
  coalesce(array_agg(id ORDER BY waiting.xid, id), '{{}}') AS ids,
  coalesce(array_agg(sha256('\\x00'::bytea || body) ORDER BY waiting.xid, id), '{{}}') AS hashes
FROM waiting JOIN audit_entry USING (id)"""  # noqa: S608  our own words
_WAITING = f"""
WITH looked AS MATERIALIZED (SELECT * FROM ({_LOOK}) AS found ORDER BY xid, id LIMIT %(limit)s)
SELECT count(*) AS number, min(entry.recorded_at) AS since FROM looked JOIN audit_entry AS entry ON entry.id = looked.id
LEFT JOIN LATERAL (SELECT true AS is_there FROM audit_leaf WHERE entry_id = looked.id LIMIT 1) AS leaf ON true
WHERE is_there IS NULL"""  # noqa: S608  our own words
_STATE = "SELECT size, frontier, seen, looking, at_xid::text, at_id FROM audit_sequence WHERE id = 1"
_LEAVES = """
INSERT INTO audit_leaf (index, entry_id)
SELECT %(size)s + place - 1, entry FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS new (entry, place)"""
_GROWN = """
UPDATE audit_sequence SET size = %(size)s, root = %(root)s, frontier = %(frontier)s,
  seen = %(seen)s, looking = %(looking)s, at_xid = %(xid)s::xid8, at_id = %(id)s
WHERE id = 1"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction did: how many entries got their leaf, and whether its look came to the end."""

    added: int
    size: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many entries wait for their place, and when the first of them was recorded."""

    number: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class _Found:
    snapshot: str
    looked_at: int
    last_xid: str | None
    last_id: int | None
    ids: list[int]
    hashes: list[bytes]


@dataclass(frozen=True, slots=True)
class _State:
    size: int
    frontier: bytes
    seen: str
    looking: str | None
    at_xid: str
    at_id: int

    def look(self, limit: int) -> dict[str, Any]:
        """Give the bounds of the next look: behind the last one, among what the last whole one did not see."""
        at = (int(self.at_xid), self.at_id) if self.looking else (0, 0)
        _, end, running = self.seen.split(":")
        new = max(at, (int(end), 0))
        places = {"new_xid": str(new[0]), "new_id": new[1], "at_xid": str(at[0]), "at_id": at[1]}
        return {**places, "running": f"{{{running}}}", "limit": limit}


def sequence_entries(connection: psycopg.Connection, *, limit: int = BATCH, looks_at_everything: bool = False) -> Batch:
    """Give the next entries their leaves, one batch in one transaction; without any, nothing is written.

    Raises: SequenceMissing.
    """
    if not looks_at_everything and not entries_wait(connection):
        return Batch(0, _state(connection).size, is_last=True)
    with connection.transaction():
        state = _state(connection, locked=True)  # waits for another sequencer, and sees what that one did
        if looks_at_everything:
            state = _State(state.size, state.frontier, NOTHING_SEEN, None, "0", 0)
        return _sequence(connection, state, limit)


def entries_wait(connection: psycopg.Connection) -> bool:
    """Tell whether there is anything that the last look did not see, or a look that has not come to its end.

    Raises: SequenceMissing.
    """
    state = _state(connection)
    return state.looking is not None or connection.execute(_LOOK, state.look(1)).fetchone() is not None


def waiting_entries(connection: psycopg.Connection, *, limit: int) -> Waiting:
    """Tell what waits, of so many entries that came after the last look; raises SequenceMissing."""
    look = _state(connection).look(limit)
    found = connection.cursor(row_factory=class_row(Waiting)).execute(_WAITING, look).fetchone()
    assert found is not None  # an aggregate has one row
    return found


def _sequence(connection: psycopg.Connection, state: _State, limit: int) -> Batch:
    found = connection.cursor(row_factory=class_row(_Found)).execute(_BATCH, state.look(limit)).fetchone()
    assert found is not None  # an aggregate has one row
    frontier = Frontier(state.size, _cut(state.frontier))
    subtrees = [one for item in found.hashes for one in completed_by(frontier, bytes(item))]
    if found.ids:
        connection.execute(_LEAVES, {"size": state.size, "ids": found.ids})
    if subtrees:
        insert_subtrees(connection, subtrees)
    snapshot, is_last = state.looking or found.snapshot, found.looked_at < limit
    tree = {"size": frontier.size, "root": frontier.root(), "frontier": b"".join(frontier.hashes)}
    place: dict[str, Any]
    if is_last:
        place = {"seen": snapshot, "looking": None, "xid": "0", "id": 0}
    else:
        place = {"seen": state.seen, "looking": snapshot, "xid": found.last_xid, "id": found.last_id}
    connection.execute(_GROWN, {**tree, **place})
    return Batch(len(found.ids), frontier.size, is_last)


def _state(connection: psycopg.Connection, *, locked: bool = False) -> _State:
    row = connection.execute(_STATE + " FOR UPDATE" * locked).fetchone()
    if row is None:
        raise SequenceMissing("the one row of audit_sequence is gone; restore the database")
    return _State(*row)


def _cut(frontier: bytes) -> list[bytes]:
    return [frontier[place : place + HASH_BYTES] for place in range(0, len(frontier), HASH_BYTES)]

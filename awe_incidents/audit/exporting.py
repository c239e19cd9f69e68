"""The export: a bundle for an auditor (docs/audit-bundle.md), streamed up to the newest checkpoint."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from awe_incidents.audit import bundle_schema
from awe_incidents.audit.bundle import BundleWriter, Record
from awe_incidents.audit.canonical import timestamp
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.erasure import VERB, Disclosure
from awe_incidents.audit.errors import ExportRefused
from awe_incidents.audit.log_rows import ENTRIES_AT_ONCE, newest_note
from awe_incidents.audit.note import Note

MOST_PROOFS = 1000  # of each anchor
MOST_CHECKPOINTS = 5000  # a verifier takes as long for one as for ten entries
ERASURE_SECONDS = 30.0  # until an erasure that was just made is signed, too

_ENTRIES = """
SELECT leaf.index, entry.id, body, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at
FROM audit_leaf AS leaf JOIN audit_entry AS entry ON entry.id = leaf.entry_id
WHERE leaf.index >= %s AND leaf.index < %s ORDER BY leaf.index"""
_TEXTS = "SELECT entry_id, field, salt, value FROM audit_disclosure WHERE entry_id = ANY (%s) ORDER BY entry_id, field"
# All of them, or every so manieth; in any case the newest of each witness, and the newest of one, two, three of them.
_CHECKPOINTS = """
WITH known AS MATERIALIZED (
  SELECT size, signed_at, id FROM audit_checkpoint WHERE note = %(newest)s
  ORDER BY size DESC, signed_at DESC, id DESC LIMIT 1
), witnessed AS MATERIALIZED (
  SELECT one.size, one.signed_at, one.id, one.witnesses FROM audit_checkpoint AS one, known
  WHERE one.witnesses IS NOT NULL AND (one.size, one.signed_at, one.id) <= (known.size, known.signed_at, known.id)
), kept AS (
  (SELECT DISTINCT ON (name) id FROM witnessed, unnest(witnesses) AS name
   ORDER BY name, size DESC, signed_at DESC, id DESC)
  UNION
  (SELECT DISTINCT ON (cardinality(witnesses)) id FROM witnessed
   ORDER BY cardinality(witnesses), size DESC, signed_at DESC, id DESC)
)
SELECT note FROM (
  SELECT one.size, one.signed_at, one.id, note, count(*) OVER () AS number,
    row_number() OVER (ORDER BY one.size DESC, one.signed_at DESC, one.id DESC) - 1 AS back
  FROM audit_checkpoint AS one, known
  WHERE (one.size, one.signed_at, one.id) <= (known.size, known.signed_at, known.id)
) AS signed WHERE back %% (number / %(most)s + 1) = 0 OR id IN (SELECT id FROM kept)
ORDER BY size, signed_at, id"""
_PROOFS = """
SELECT size, note, proof FROM (
  SELECT name, id, size, note, proof, count(*) OVER mine AS number,
    row_number() OVER (PARTITION BY name ORDER BY size DESC, id DESC) - 1 AS back
  FROM audit_anchorproof WHERE size <= %(size)s WINDOW mine AS (PARTITION BY name)
) AS given WHERE back %% (number / %(most)s + 1) = 0 ORDER BY name, size, id"""
_ERASURE_BEHIND = """
SELECT 1 FROM audit_entry AS entry LEFT JOIN audit_leaf AS leaf ON leaf.entry_id = entry.id
WHERE entry.verb = %s AND (leaf.index IS NULL OR leaf.index >= %s) LIMIT 1"""

Progress = Callable[[int, int], None]  # entries written, and entries in all


def export(
    connection: psycopg.Connection,
    folder: Path,
    *,
    keys: Iterable[str],
    with_texts: bool = True,
    on_progress: Progress,
) -> Checkpoint:
    """Write the bundle, or what an earlier one lacks; give the checkpoint under which it stands.

    Raises: ExportRefused, TileRefused.
    """
    writer = BundleWriter(folder, with_disclosures=with_texts)
    try:
        newest = _write_entries(connection, writer, on_progress)
        checkpoint = Checkpoint.parse(Note.parse(newest).text)
        root = writer.finish(newest, checkpoints=signed_checkpoints(connection, newest))
    finally:
        writer.close()
    for name, content in anchor_proofs(connection, size=checkpoint.size):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "vkeys").write_text("".join(f"{line}\n" for line in keys))
    (folder / bundle_schema.NAME).write_bytes(bundle_schema.schema_file())
    if root != checkpoint.root:
        raise ExportRefused("the entries are not those that were signed; verify the bundle to learn which")
    return checkpoint


def _write_entries(connection: psycopg.Connection, writer: BundleWriter, on_progress: Progress) -> bytes:
    """Write up to the newest checkpoint behind every erasure: a text must not be gone before its entry is there."""
    ends_at = time.monotonic() + ERASURE_SECONDS
    while True:
        newest = newest_note(connection)
        if newest is None:
            raise ExportRefused("nothing was signed yet; is the signer running?")
        size = Checkpoint.parse(Note.parse(newest).text).size
        if writer.size > size:
            raise ExportRefused(f"the folder has {writer.size} entries, and only {size} are signed")
        for record in _records(connection, writer.size, size):
            writer.add(record)
            on_progress(writer.size, size)
        if not has_erasure_behind(connection, size):
            return newest
        if time.monotonic() > ends_at:
            raise ExportRefused("an erasure is not signed yet; is the signer running?")
        time.sleep(0.2)


def has_erasure_behind(connection: psycopg.Connection, size: int) -> bool:
    """Tell whether texts were erased by an entry that is not among the first `size` ones."""
    return connection.execute(_ERASURE_BEHIND, [VERB, size]).fetchone() is not None


def _records(connection: psycopg.Connection, start: int, end: int) -> Iterator[Record]:
    while start < end:
        stop = min(end, start + ENTRIES_AT_ONCE)
        rows = connection.cursor(row_factory=dict_row).execute(_ENTRIES, [start, stop]).fetchall()
        texts = _texts(connection, [row["id"] for row in rows])
        for wanted, row in enumerate(rows, start):
            if row["index"] != wanted:
                raise ExportRefused(f"entry {wanted} is gone, or its leaf")
            yield Record(body=bytes(row["body"]), projection=projection_of(row), texts=texts[row["id"]])
        if len(rows) < stop - start:
            raise ExportRefused(f"entry {start + len(rows)} is gone, or its leaf")
        start = stop


def projection_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the search columns of an entry, as they stand in a bundle."""
    columns = ("verb", "subject_type", "subject_id", "actor", "incident_id")
    at = timestamp(row["occurred_at"])
    return {"event_id": str(row["event_id"]), **{name: row[name] for name in columns}, "occurred_at": at}


def _texts(connection: psycopg.Connection, ids: list[int]) -> dict[int, dict[str, Disclosure]]:
    texts: dict[int, dict[str, Disclosure]] = defaultdict(dict)
    for entry_id, field, salt, value in connection.execute(_TEXTS, [ids]):
        texts[entry_id][field] = Disclosure(bytes(salt), value)
    return texts


def signed_checkpoints(connection: psycopg.Connection, newest: bytes) -> Iterator[bytes]:
    """Yield the checkpoints of a bundle, oldest first, thinned where there are very many; the last one is `newest`."""
    with psycopg.Cursor(connection) as cursor:  # Django's own kind does not stream
        for (signed,) in cursor.stream(_CHECKPOINTS, {"newest": newest, "most": MOST_CHECKPOINTS}):
            yield bytes(signed)


def anchor_proofs(connection: psycopg.Connection, *, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield time-stamp tokens as files of a bundle, each beside the note that it was given for."""
    with psycopg.Cursor(connection) as cursor:
        for of_size, note, token in cursor.stream(_PROOFS, {"size": size, "most": MOST_PROOFS}):
            name = f"anchors/{of_size}-{sha256(token).hexdigest()[:16]}"
            yield f"{name}.note", bytes(note)
            yield f"{name}.tsr", bytes(token)

"""Entries of the log as lines of OCSF, in the order of their places, over a psycopg connection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from awe_incidents.audit.log_rows import ENTRIES_AT_ONCE
from awe_incidents.audit.ocsf import ocsf_line

_ENTRIES = """
SELECT leaf.index, entry.id, entry.body, coalesce(entry.recorded_at, now())
FROM audit_leaf AS leaf LEFT JOIN audit_entry AS entry ON entry.id = leaf.entry_id
WHERE leaf.index >= %(start)s AND leaf.index < %(end)s
  AND (entry.id IS NULL OR (entry.occurred_at >= %(since)s AND entry.occurred_at < %(until)s))
ORDER BY leaf.index"""
_TEXTS = "SELECT entry_id, field, value FROM audit_disclosure WHERE entry_id = ANY (%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which entries: by when what they tell of happened, and whether with the texts behind commitments."""

    since: datetime = datetime(1, 1, 2, tzinfo=UTC)
    until: datetime = datetime(9999, 12, 30, tzinfo=UTC)
    with_texts: bool = False


def ocsf_lines(
    connection: psycopg.Connection, start: int, end: int, chosen: Chosen
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines in batches, each with the index behind it: what went on from there later lacks none."""
    while start < end:
        stop = min(end, start + ENTRIES_AT_ONCE)
        asked = {"start": start, "end": stop, "since": chosen.since, "until": chosen.until}
        rows = connection.execute(_ENTRIES, asked).fetchall()
        texts = _texts(connection, [row[1] for row in rows]) if chosen.with_texts else {}
        yield (
            stop,
            [
                ocsf_line(None if body is None else bytes(body), index=index, at=at, texts=texts.get(entry_id, {}))
                for index, entry_id, body, at in rows
            ],
        )
        start = stop


def _texts(connection: psycopg.Connection, ids: list[int | None]) -> dict[int, dict[str, str]]:
    texts: dict[int, dict[str, str]] = defaultdict(dict)
    for entry_id, field, value in connection.execute(_TEXTS, [[one for one in ids if one is not None]]):
        texts[entry_id][field] = value
    return texts

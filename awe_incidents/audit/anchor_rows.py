"""What anchoring keeps in the database: cosigned checkpoints, proofs, and how it stands with each anchor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg

from awe_incidents.audit.checkpoint import Checkpoint

_SIZES = "SELECT name, size FROM audit_anchor"
_COSIGNED = """
INSERT INTO audit_checkpoint (size, root, note, signed_at, witnesses) VALUES (%s, %s, %s, to_timestamp(%s), %s)"""
_PROOF = "INSERT INTO audit_anchorproof (name, size, note, proof, held_at) VALUES (%s, %s, %s, %s, now())"
_ANSWER = """
INSERT INTO audit_anchor AS known (name, kind, size, answer, held_at, alarm, alarm_at, evidence)
VALUES (%(name)s, %(kind)s, coalesce(%(size)s, 0), %(answer)s, CASE WHEN %(size)s::bigint IS NOT NULL THEN now() END,
        %(alarm)s, CASE WHEN %(alarm)s <> '' THEN now() END, %(evidence)s)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, answer = excluded.answer, asked_at = now(),
  since = CASE WHEN known.answer = excluded.answer THEN known.since ELSE now() END,
  size = coalesce(%(size)s, known.size), held_at = coalesce(excluded.held_at, known.held_at),
  alarm = CASE WHEN known.alarm = '' THEN excluded.alarm ELSE known.alarm END,
  alarm_at = coalesce(known.alarm_at, excluded.alarm_at),
  evidence = CASE WHEN known.alarm = '' THEN excluded.evidence ELSE known.evidence END"""
_LAST_OF = """
SELECT note FROM audit_checkpoint WHERE witnesses IS NOT NULL AND %s = ANY (witnesses)
ORDER BY size DESC, signed_at DESC, id DESC LIMIT 1"""
_FORGET = "DELETE FROM audit_anchor WHERE alarm = '' AND NOT name = ANY (%s)"
_CLEAR = "UPDATE audit_anchor SET alarm = '', alarm_at = NULL, evidence = '' WHERE name = %s AND alarm <> ''"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorAnswer:
    """The last answer of an anchor: with `size` it holds a checkpoint, with `alarm` it contradicts the log."""

    name: str
    kind: str
    answer: str
    size: int | None = None
    alarm: str = ""
    evidence: str = ""


def held_sizes(connection: psycopg.Connection) -> dict[str, int]:
    """Give the size of the checkpoint that each anchor holds, by name."""
    return dict(connection.execute(_SIZES).fetchall())


def insert_cosigned(
    connection: psycopg.Connection, note: bytes, checkpoint: Checkpoint, *, signed_at: int, witnesses: Collection[str]
) -> None:
    """Insert a checkpoint again, with the cosignatures that its note has got."""
    connection.execute(_COSIGNED, [checkpoint.size, checkpoint.root, note, signed_at, sorted(witnesses)])


def insert_proof(connection: psycopg.Connection, *, name: str, size: int, note: bytes, proof: bytes) -> None:
    """Insert what an anchor gave for a note."""
    connection.execute(_PROOF, [name, size, note, proof])


def write_answer(connection: psycopg.Connection, answer: AnchorAnswer) -> None:
    """Write down an answer; the first alarm stays until it is cleared."""
    fields = ("name", "kind", "answer", "size", "alarm", "evidence")
    connection.execute(_ANSWER, {name: getattr(answer, name) for name in fields})


def last_cosigned(connection: psycopg.Connection, witness: str) -> bytes:
    """Give the newest note that a witness signed, empty where there is none."""
    row = connection.execute(_LAST_OF, [witness]).fetchone()
    return b"" if row is None else bytes(row[0])


def forget_others(connection: psycopg.Connection, names: Collection[str]) -> None:
    """Forget anchors that are no longer configured, unless they raised an alarm."""
    connection.execute(_FORGET, [list(names)])


def clear_alarm(connection: psycopg.Connection, name: str) -> bool:
    """Clear an alarm that somebody has looked into; tell whether there was one."""
    return connection.execute(_CLEAR, [name]).rowcount == 1

"""Brings the newest signed checkpoint to everybody outside who holds it, and writes down what they say.

Each anchor has its own pace and its own backoff, and no one waits for another. A witness says when it saw a tree as
the largest one, so it only gets checkpoints that the log has just signed: with an older one, entries that came
meanwhile would seem to be dated back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import structlog

from awe_incidents.audit.anchor_rows import (
    AnchorAnswer,
    forget_others,
    held_sizes,
    insert_cosigned,
    insert_proof,
    last_cosigned,
    write_answer,
)
from awe_incidents.audit.anchors import Anchor, Held
from awe_incidents.audit.cosignature import Clock
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorRefused
from awe_incidents.audit.note import Note, Signature
from awe_incidents.audit.published_log import Published

FRESH_SECONDS = 120  # within the verifier's tolerance of 300, with what an answer may take
FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 600.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pace:
    """When an anchor is asked again."""

    every_seconds: float
    due_at: float = 0.0  # monotonic
    failures: int = 0
    held: bytes = b""  # the note that it took last

    def count(self, outcome: Held | AnchorRefused, note: bytes) -> None:
        if isinstance(outcome, Held):
            self.failures, self.held, wait = 0, note, self.every_seconds
        else:
            wait = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0**self.failures)
            self.failures = min(self.failures + 1, 10)
        self.due_at = time.monotonic() + wait


@dataclass(slots=True)
class _Collected:
    """The cosignatures of one checkpoint, from whoever answered so far."""

    note: bytes = b""
    signatures: dict[tuple[str, bytes], Signature] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paced:
    """An anchor, and how often it is asked at most."""

    anchor: Anchor
    every_seconds: float


class Anchoring:
    """Brings one log's checkpoints to its anchors, over one connection; make another one after any database error."""

    def __init__(self, folder: Path, anchors: Sequence[Paced], connection: psycopg.Connection, *, clock: Clock) -> None:
        """Take up what each anchor held last."""
        self._folder, self._connection, self._clock = folder, connection, clock
        self._anchors = [one.anchor for one in anchors]
        self._paces = {one.anchor.name: _Pace(one.every_seconds) for one in anchors}
        self._collected = _Collected()
        forget_others(connection, list(self._paces))
        self._held = held_sizes(connection)

    def turn(self) -> None:
        """Ask everybody who is due, and write down what they say; raises psycopg.Error, NoteRefused, KeyRefused."""
        published = Published.read(self._folder)
        due = [one for one in self._anchors if published is not None and self._is_due(one, published)]
        if published is None or not due:
            return
        with ThreadPoolExecutor(len(due)) as pool:
            outcomes = list(pool.map(partial(self._outcome, published), due))
        for anchor, outcome in zip(due, outcomes, strict=True):
            self._paces[anchor.name].count(outcome, bytes(published.note))
        with self._connection.transaction():
            for anchor, outcome in zip(due, outcomes, strict=True):
                self._write(anchor, outcome, published)
            self._insert(published, [outcome for outcome in outcomes if isinstance(outcome, Held)])

    def _is_due(self, anchor: Anchor, published: Published) -> bool:
        pace = self._paces[anchor.name]
        if time.monotonic() < pace.due_at:
            return False
        if anchor.takes_time:
            return pace.held != bytes(published.note) and self._clock() - published.signed_at <= FRESH_SECONDS
        return self._held.get(anchor.name, 0) < published.checkpoint.size

    def _outcome(self, published: Published, anchor: Anchor) -> Held | AnchorRefused:
        try:
            return anchor.hold(published, held=self._held.get(anchor.name, 0))
        except AnchorRefused as refusal:
            return refusal
        except Exception as error:  # one anchor's fault is not another's
            log.exception("an anchor failed", anchor=anchor.name)
            return AnchorAway(f"it failed ({type(error).__name__})")

    def _write(self, anchor: Anchor, outcome: Held | AnchorRefused, published: Published) -> None:
        size, alarm, evidence = None, "", ""
        if isinstance(outcome, Held):
            size = self._held[anchor.name] = published.checkpoint.size
            if outcome.proof:
                note = bytes(published.note)
                insert_proof(self._connection, name=anchor.name, size=size, note=note, proof=outcome.proof)
        elif isinstance(outcome, AnchorContradicts):
            alarm, evidence = str(outcome), self._evidence(anchor, outcome, published)
            log.critical("a checkpoint that is held outside contradicts the log", anchor=anchor.name, because=alarm)
        else:
            log.warning("a checkpoint is not held outside", anchor=anchor.name, because=str(outcome))
        words = outcome.words if isinstance(outcome, Held) else str(outcome)
        told = AnchorAnswer(name=anchor.name, kind=anchor.kind, answer=words, size=size, alarm=alarm, evidence=evidence)
        write_answer(self._connection, told)

    def _evidence(self, anchor: Anchor, outcome: AnchorContradicts, published: Published) -> str:
        """Give both notes, the one that was sent and the newest that the witness signed, and the answer."""
        before = last_cosigned(self._connection, anchor.name)
        parts = [bytes(published.note), before, outcome.evidence]
        return b"\n".join(part for part in parts if part).decode(errors="replace").replace("\0", "")

    def _insert(self, published: Published, held: Sequence[Held]) -> None:
        """Insert the checkpoint again where somebody signed it, with all cosignatures that it has so far."""
        note = bytes(published.note)
        if self._collected.note != note:
            self._collected = _Collected(note)
        made = {(one.name, one.key_id): one for answer in held for one in answer.signatures}
        if not made:
            return
        self._collected.signatures |= made
        signatures = self._collected.signatures.values()
        insert_cosigned(
            self._connection,
            bytes(Note(published.note.text, (*published.note.signatures, *signatures))),
            published.checkpoint,
            signed_at=published.signed_at,
            witnesses={one.name for one in signatures},
        )

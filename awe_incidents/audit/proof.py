"""Proofs as files: one entry's by C2SP tlog-proof, and the growth of a log as C2SP tlog-witness sends it.

Whoever checks a proof says of which log, which entry and which index it has to be; the proof says none of that.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from awe_incidents.audit import merkle
from awe_incidents.audit.checkpoint import Checkpoint, decimal
from awe_incidents.audit.errors import CheckpointMalformed, ProofMalformed, ProofRefused
from awe_incidents.audit.note import Note, Verifier, decoded

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63  # of one proof: a tree of 2^63 leaves is as high


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Shows that an entry stands at an index of a log: `bytes()` gives the file, `parse` reads it."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes  # the signed note, verbatim
    extra: bytes | None = None  # nobody vouches for it

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof; raises ProofMalformed."""
        head, separator, checkpoint = data.partition(b"\n\n")
        if not separator or not checkpoint:
            raise ProofMalformed("a proof ends in an empty line and a checkpoint")
        lines = _lines(head)
        if lines.pop(0) != HEADER:
            raise ProofMalformed(f"a proof begins with {HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _decoded(lines.pop(0).removeprefix("extra "), what="the extra data")
        if not lines or not lines[0].startswith("index "):
            raise ProofMalformed("a proof has an index")
        index = _number(lines.pop(0).removeprefix("index "))
        return cls(index, _hashes(lines), checkpoint, extra)

    def __bytes__(self) -> bytes:
        """Give the file, which is called `.tlog-proof`."""
        extra = [] if self.extra is None else [f"extra {_base64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    def verify(self, entry: bytes, *, index: int, origin: str, verifiers: Iterable[Verifier]) -> Checkpoint:
        """Check that the entry stands at this index of this log, under a checkpoint that a known key signed.

        Raises: ProofRefused, NoteRefused.
        """
        note = Note.parse(self.checkpoint)
        note.verified(verifiers)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != origin:
            raise ProofRefused(f"the proof is of the log {checkpoint.origin}, not of {origin}")
        if self.index != index:
            raise ProofRefused(f"the proof is of entry {self.index}, not of entry {index}")
        merkle.verify_inclusion(
            hash_of_leaf=merkle.leaf_hash(entry),
            index=index,
            size=checkpoint.size,
            proof=self.hashes,
            root=checkpoint.root,
        )
        return checkpoint


def prove_entry(*, index: int, hashes: merkle.HashSource, checkpoint: bytes) -> TlogProof:
    """Give the proof of the entry at an index under a signed checkpoint; raises ProofRefused, NoteRefused."""
    size = Checkpoint.parse(Note.parse(checkpoint).text).size
    path = merkle.inclusion_proof(index=index, size=size, hashes=hashes)
    return TlogProof(index, tuple(path), checkpoint)


@dataclass(frozen=True, slots=True)
class Growth:
    """Shows that a log only grew: the body of the request `add-checkpoint` to a witness."""

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes  # the signed note, verbatim

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the body of a request; raises ProofMalformed."""
        head, separator, checkpoint = data.partition(b"\n\n")
        first, *lines = _lines(head)
        if not separator or not checkpoint or not first.startswith("old "):
            raise ProofMalformed("a request has the old size, the proof, an empty line and a checkpoint")
        return cls(_number(first.removeprefix("old ")), _hashes(lines), checkpoint)

    def __bytes__(self) -> bytes:
        """Give the body of the request."""
        return "\n".join([f"old {self.old_size}", *map(_base64, self.hashes), "", ""]).encode() + self.checkpoint

    def verify(self, old: Checkpoint | None) -> Checkpoint:
        """Check that the log grew from the old checkpoint, from nothing where there is none; give the new one.

        The signatures are for the caller to check. Raises: ProofRefused, NoteRefused.
        """
        new = Checkpoint.parse(Note.parse(self.checkpoint).text)
        old_size = old.size if old else 0
        if self.old_size != old_size:
            raise ProofRefused(f"the proof starts at size {self.old_size}, not at {old_size}")
        if old is not None and old.origin != new.origin:
            raise ProofRefused(f"the proof leads from the log {old.origin} to {new.origin}")
        if old is None or old_size == 0 < new.size:  # everything grew from nothing, without a proof
            if self.hashes:
                raise ProofRefused("from nothing there is no proof, but one was given")
            return new
        merkle.verify_consistency(
            old_size=old_size, old_root=old.root, new_size=new.size, new_root=new.root, proof=self.hashes
        )
        return new


def prove_growth(*, old_size: int, hashes: merkle.HashSource, checkpoint: bytes) -> Growth:
    """Give the proof that the log of a signed checkpoint grew from an old size; raises ProofRefused, NoteRefused."""
    size = Checkpoint.parse(Note.parse(checkpoint).text).size
    if old_size == 0:
        return Growth(0, (), checkpoint)
    path = merkle.consistency_proof(old_size=old_size, new_size=size, hashes=hashes)
    return Growth(old_size, tuple(path), checkpoint)


def _lines(head: bytes) -> list[str]:
    try:
        return head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ProofMalformed("the lines above the checkpoint are ASCII") from None


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise ProofMalformed(f"a proof has at most {MAX_HASHES} hashes, not {len(lines)}")
    hashes = tuple(_decoded(line, what="a hash") for line in lines)
    if any(len(item) != merkle.HASH_BYTES for item in hashes):
        raise ProofMalformed(f"a hash of a proof has {merkle.HASH_BYTES} bytes")
    return hashes


def _decoded(text: str, *, what: str) -> bytes:
    data = decoded(text)
    if data is None:
        raise ProofMalformed(f"{what} is not base64")
    return data


def _number(digits: str) -> int:
    try:
        return decimal(digits)
    except CheckpointMalformed as error:
        raise ProofMalformed(str(error)) from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""The signed log from rows: its tiles and proofs, without the signer's folder, which may lie on another machine.

A proof is given only where it leads to what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import psycopg

from awe_incidents.audit import merkle
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import (
    AwaitsSignature,
    HashesMissing,
    HeadForks,
    NoteRefused,
    ProofRefused,
    TileMissing,
    TileRefused,
    TrailBroken,
)
from awe_incidents.audit.log_rows import bodies, newest_note
from awe_incidents.audit.log_subtrees import hashes_of_tile
from awe_incidents.audit.note import Note
from awe_incidents.audit.proof import TlogProof
from awe_incidents.audit.tiles import ENTRIES, WIDTH, TileName, encode_bundle, hash_in_tiles, width_at

_ROOT_OF_SIZE = "SELECT root FROM audit_checkpoint WHERE size = %s ORDER BY id LIMIT 1"
_BROKEN = "entries or their hashes are not those that were signed; export the trail and verify it, to learn which"
_NO_HASHES = "hashes of the log are not stored; the sequencer (manage.py sequence_trail) makes them when it starts"


@dataclass(frozen=True, slots=True)
class Consistency:
    """Shows that the tree of one size is the beginning of the tree of another one."""

    old: Checkpoint
    new: Checkpoint
    hashes: tuple[bytes, ...]


class LogTree:
    """The log of the newest signed checkpoint; make one for each question, as it remembers what it read."""

    def __init__(self, connection: psycopg.Connection) -> None:
        """Take up the newest checkpoint; raises AwaitsSignature where there is none, TrailBroken."""
        note = newest_note(connection)
        if note is None:
            raise AwaitsSignature("nothing was signed yet; is the signer running (manage.py sign_trail)?")
        self.note = note
        try:
            self.checkpoint = Checkpoint.parse(Note.parse(note).text)
        except NoteRefused:
            raise TrailBroken("the newest checkpoint is none any more; export the trail and verify it") from None
        self.size = self.checkpoint.size
        self._connection = connection
        self._hashes = lru_cache(maxsize=None)(self._read_hashes)

    def tile(self, name: TileName) -> bytes:
        """Give a tile or a bundle of entries.

        Raises: TileMissing, where the signed log has none of this width; HashesMissing, TrailBroken.
        """
        width = width_at(self.size, level=name.level, index=name.index)
        if name.width > width:
            raise TileMissing(f"a log of {self.size} entries has no {name}; its checkpoint says how far it goes")
        start = name.index * WIDTH
        try:
            if name.level == ENTRIES:
                return encode_bundle(bodies(self._connection, start, start + name.width))
            return b"".join(self._hashes(name.level, name.index)[: name.width])
        except (HeadForks, TileMissing):
            raise TrailBroken(_BROKEN) from None

    def prove_entry(self, index: int, *, entry: bytes) -> TlogProof:
        """Give the proof of an entry; raises AwaitsSignature, HashesMissing, TrailBroken."""
        if index >= self.size:
            raise AwaitsSignature("the entry has its place, and no checkpoint covers it yet; try again in a second")
        leaf, root = merkle.leaf_hash(entry), self.checkpoint.root
        try:
            path = merkle.inclusion_proof(index=index, size=self.size, hashes=self.hash)
            merkle.verify_inclusion(hash_of_leaf=leaf, index=index, size=self.size, proof=path, root=root)
        except (TileRefused, ProofRefused):
            raise TrailBroken(_BROKEN) from None
        return TlogProof(index, tuple(path), self.note)

    def prove_consistency(self, *, old_size: int, new_size: int) -> Consistency:
        """Give the proof between two sizes, of which the signed one is the largest.

        Raises: ProofRefused, where the sizes allow none; HashesMissing, TrailBroken.
        """
        if not 0 < old_size <= new_size <= self.size:
            raise ProofRefused(f"there is no consistency proof from size {old_size} to size {new_size}")
        try:
            old, new = (self._checkpoint_at(size) for size in (old_size, new_size))
            path = merkle.consistency_proof(old_size=old_size, new_size=new_size, hashes=self.hash)
            merkle.verify_consistency(
                old_size=old_size, old_root=old.root, new_size=new_size, new_root=new.root, proof=path
            )
        except (TileRefused, ProofRefused):
            raise TrailBroken(_BROKEN) from None
        return Consistency(old, new, tuple(path))

    def hash(self, level: int, index: int) -> bytes:
        """Give the root of a complete subtree: a `merkle.HashSource`; raises TileMissing, HashesMissing."""
        return hash_in_tiles(level, index, self._hashes)

    def _read_hashes(self, level: int, index: int) -> list[bytes]:
        width = width_at(self.size, level=level, index=index)
        try:
            return hashes_of_tile(self._connection, level=level, index=index, width=width)
        except TileMissing:
            if level:
                raise HashesMissing(_NO_HASHES) from None
            raise

    def _checkpoint_at(self, size: int) -> Checkpoint:
        """Give the tree of a size, with the root that was signed where one was."""
        if size == self.size:
            return self.checkpoint
        row = self._connection.execute(_ROOT_OF_SIZE, [size]).fetchone()
        root = merkle.root_at(size, self.hash) if row is None else bytes(row[0])
        return Checkpoint(self.checkpoint.origin, size, root)

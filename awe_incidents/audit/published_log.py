"""What a signer published in its folder, as those who bring it to others read it: no key and no lock is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import split, verifier
from awe_incidents.audit.log_folder import PUBLIC, published_keys
from awe_incidents.audit.note import COSIGNATURE_ED25519, Note, PublicKey
from awe_incidents.audit.proof import prove_growth
from awe_incidents.audit.rotation import KeyPair
from awe_incidents.audit.tile_files import TileReader


@dataclass(frozen=True, slots=True)
class Published:
    """The newest signed checkpoint of a log, and when the log signed it."""

    folder: Path  # the signer's
    vkeys: KeyPair  # that signed it
    note: Note
    checkpoint: Checkpoint
    signed_at: int

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the newest one; None where nothing was signed yet; raises NoteRefused, KeyRefused."""
        try:
            note = Note.parse((folder / PUBLIC / "checkpoint").read_bytes())
        except FileNotFoundError:
            return None
        history, checkpoint = published_keys(folder), Checkpoint.parse(note.text)
        if history is None:
            return None
        vkeys = history.in_force(checkpoint.size)
        keys = [PublicKey.parse(vkey) for vkey in vkeys]
        signatures = note.verified([verifier(key) for key in keys])
        timed = [key for key in keys if key.kind == COSIGNATURE_ED25519]
        times = [split(key, one.value)[0] for key in timed for one in signatures if one.is_of(key)]
        return cls(folder, vkeys, note, checkpoint, max(times, default=0))

    def growth(self, old_size: int) -> bytes:
        """Give what shows a witness that the log grew from a size; raises TileRefused, ProofRefused."""
        reader = TileReader(self.folder / PUBLIC, self.checkpoint)
        return bytes(prove_growth(old_size=old_size, hashes=reader.hash, checkpoint=bytes(self.note)))

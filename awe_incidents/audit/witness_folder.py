"""A witness's folder: its keys, and for each log the checkpoint that it signed last, under locks that processes share.

lock          held while the folder is made
name          the name of the witness
witness.key   signs by Ed25519 (mode 0600)
mldsa.key     signs by ML-DSA-44 (mode 0600), where that was asked for
logs/<hash of the origin>/latest    the note that was signed last; only ever of a size that does not go down
logs/<hash of the origin>/lock      held from the look at `latest` until it is stored
evidence/     signed notes that contradict what was signed
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import Clock, Ed25519Cosigner, Mldsa44Cosigner
from awe_incidents.audit.durable import make_folder, store_names, write_durably
from awe_incidents.audit.errors import NoteRefused, WitnessRefused
from awe_incidents.audit.key_files import open_ed25519, open_mldsa44
from awe_incidents.audit.merkle import EMPTY_ROOT
from awe_incidents.audit.note import Note, is_key_name

MOST_EVIDENCE = 1000  # files; a log's key can sign any number of contradictions
Cosigner = Ed25519Cosigner | Mldsa44Cosigner


@dataclass(frozen=True, slots=True)
class Record:
    """What was signed last of one log; whoever has it keeps everybody else from it."""

    folder: Path
    origin: str

    @property
    def latest(self) -> tuple[Checkpoint, bytes]:
        """Give the checkpoint and its note; the empty log and no note at first; raises WitnessRefused."""
        path = self.folder / "latest"
        try:
            note = path.read_bytes()
            checkpoint = Checkpoint.parse(Note.parse(note).text)
        except FileNotFoundError:
            return Checkpoint(self.origin, 0, EMPTY_ROOT), b""
        except NoteRefused as error:
            raise WitnessRefused(f"{path} cannot be read, and nothing is signed without it: {error}") from None
        if checkpoint.origin != self.origin:
            raise WitnessRefused(f"{path} is of the log {checkpoint.origin}")
        return checkpoint, note

    def store(self, note: bytes) -> None:
        """Store what is about to be said to be signed, for good."""
        path = self.folder / "latest"
        if not path.exists():
            store_names(self.folder.parent)  # the log is new: its folder must not be lost with what was signed of it
        write_durably(path, note)


class WitnessFolder:
    """The folder of one witness; threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Make the folder where there is none."""
        for part in (folder, folder / "logs", folder / "evidence"):
            make_folder(part, mode=0o700)
        return cls(folder)

    def cosigners(self, name: str, *, passphrase: str, clock: Clock, with_mldsa: bool) -> list[Cosigner]:
        """Give what signs, whose keys are made at the first start.

        Raises: WitnessRefused, LogKeyUnusable, KeyMalformed.
        """
        with _locked(self.folder / "lock"):
            name = self._name(name)
            may_make = not any(self.folder.glob("logs/*/latest"))
            plain = open_ed25519(self.folder / "witness.key", passphrase=passphrase, may_make=may_make)
            cosigners: list[Cosigner] = [Ed25519Cosigner(name, plain, clock=clock)]
            path = self.folder / "mldsa.key"
            if with_mldsa or path.exists():
                other = open_mldsa44(path, passphrase=passphrase, may_make=True)
                cosigners.append(Mldsa44Cosigner(name, other, clock=clock))
        return cosigners

    @contextmanager
    def record(self, origin: str) -> Iterator[Record]:
        """Take the record of a log, and keep everybody else from it meanwhile."""
        place = self.folder / "logs" / sha256(origin.encode()).hexdigest()
        place.mkdir(exist_ok=True, mode=0o700)
        with _locked(place / "lock"):
            yield Record(place, origin)

    def keep_evidence(self, *notes: bytes) -> None:
        """Keep signed notes that cannot both be true, once, and up to a number of them."""
        folder = self.folder / "evidence"
        content = b"\n".join(note for note in notes if note)
        path = folder / f"{sha256(content).hexdigest()[:32]}.notes"
        if not path.exists() and sum(1 for _ in folder.iterdir()) < MOST_EVIDENCE:
            write_durably(path, content)

    def _name(self, wanted: str) -> str:
        path = self.folder / "name"
        if not path.exists():
            if not is_key_name(wanted):
                raise WitnessRefused("a witness has a name without spaces and plus signs, such as witness.example/w1")
            write_durably(path, wanted.encode() + b"\n")
        name = path.read_text().removesuffix("\n")
        if wanted not in {"", name}:
            raise WitnessRefused(f"{self.folder} is of the witness {name}, not of {wanted}")
        return name


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for a lock that other threads and processes respect: each takes it by a descriptor of its own."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)

"""The signer's folder, outside of the database: its keys and its state, and below `log` what anybody may read.

lock        held while a signer works
origin      the name of the log
log.key     signs checkpoints (mode 0600)
time.key    signs them with the time (mode 0600)
*.key.next  are to take their place (log_keys.py), and keys.lock is held while they do
head        size and frontier of what was signed, or was about to be (head.py)
log/        checkpoint, vkeys and tile/: a C2SP tlog-tiles log to be served as static files
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from awe_incidents.audit.durable import make_folder, write_durably
from awe_incidents.audit.errors import FrontierBroken, OriginChanged, SignerRuns, TileRefused
from awe_incidents.audit.head import TreeHead
from awe_incidents.audit.key_history import KeyHistory
from awe_incidents.audit.rotation import KeyPair
from awe_incidents.audit.tile_files import TileWriter

PUBLIC = "log"


class LogFolder:
    """The folder of one log; one signer works with it at a time."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.public = folder / PUBLIC
        self._lock = lock

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Make the folder where there is none, and keep others from it until it is closed; raises SignerRuns."""
        make_folder(folder, mode=0o711)
        make_folder(folder / PUBLIC)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SignerRuns(f"another signer works with {folder}") from None
        return cls(folder, lock)

    def close(self) -> None:
        """Let others work with it."""
        os.close(self._lock)

    def origin(self, wanted: str) -> str:
        """Give the name of the log, which is the one wanted first; raises OriginChanged."""
        path = self.folder / "origin"
        if not path.exists():
            write_durably(path, wanted.encode() + b"\n")
        origin = path.read_text().removesuffix("\n")
        if wanted not in {"", origin}:
            raise OriginChanged(f"{self.folder} is of the log {origin}, not of {wanted}")
        return origin

    @property
    def has_signed(self) -> bool:
        """Tell whether there is anything that was signed."""
        return (self.folder / "head").exists() or self.checkpoint() is not None

    def head(self, origin: str) -> TreeHead:
        """Give the stored head, an empty one at first; raises FrontierBroken."""
        try:
            head = TreeHead.load((self.folder / "head").read_bytes())
        except FileNotFoundError:
            return TreeHead(origin)
        if head.origin != origin:
            raise FrontierBroken(f"the stored head is of the log {head.origin}")
        return head

    def store_head(self, head: TreeHead) -> None:
        """Store the head for good, before anything of it is signed."""
        write_durably(self.folder / "head", head.dump(), mode=0o600)

    def checkpoint(self) -> bytes | None:
        """Give the signed checkpoint that was published last."""
        try:
            return (self.public / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None

    def publish(self, note: bytes) -> None:
        """Let everybody see a signed checkpoint."""
        write_durably(self.public / "checkpoint", note)

    def publish_keys(self, lines: Iterable[str]) -> None:
        """Let everybody see the public keys, as `KeyHistory.lines` gives them; what they say is in force."""
        write_durably(self.public / "vkeys", "".join(f"{line}\n" for line in lines).encode())

    def keys(self, vkeys: KeyPair) -> KeyHistory:
        """Give the keys of the log by entries; it begins with these where none were published yet."""
        published = published_keys(self.folder)
        history = published or KeyHistory.begun(vkeys)
        if published is None or " " not in (self.public / "vkeys").read_text():  # as older signers wrote it
            self.publish_keys(history.lines())
        return history

    def tiles(self) -> TileWriter:
        """Take up the tiles; what cannot be taken up, as after a power cut, is made anew from the entries."""
        try:
            return TileWriter(self.public)
        except TileRefused:
            return self.tiles_anew()

    def tiles_anew(self) -> TileWriter:
        """Begin the tiles again."""
        shutil.rmtree(self.public / "tile", ignore_errors=True)
        return TileWriter(self.public)


def published_keys(folder: Path) -> KeyHistory | None:
    """Give the public keys that a signer published in its folder; None where none ever worked with it.

    Raises: FrontierBroken.
    """
    try:
        return KeyHistory.load((folder / PUBLIC / "vkeys").read_text())
    except FileNotFoundError:
        return None


def published_vkeys(folder: Path) -> list[str]:
    """Give the public keys that are in force; none where no signer ever worked with the folder."""
    history = published_keys(folder)
    return list(history.newest) if history else []

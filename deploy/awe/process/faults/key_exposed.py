"""Everybody on the machine can read the server's private key."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from deploy.awe.process.faults.fault import Fault

OPEN_MODE, GOOD_MODE = 0o644, 0o600


class KeyExposed(Fault):
    """Everything works, and the key is no secret any more."""

    slug: ClassVar[str] = "key-exposed"
    title: ClassVar[str] = "every user of the machine can read the server's private key"

    def inject(self) -> None:
        """Open the file, as `chmod -R` of a whole folder does."""
        self._key.chmod(OPEN_MODE)

    def is_broken(self) -> bool:
        """Others may read it."""
        return bool(self._key.stat().st_mode & 0o044)

    def mend(self) -> None:
        """Close it again."""
        self._key.chmod(GOOD_MODE)

    @property
    def _key(self) -> Path:
        return self.stack.layout.key("server")

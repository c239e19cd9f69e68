"""There is no backup of the database."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from deploy.awe.process.backup import PATTERN
from deploy.awe.process.faults.fault import Fault


class BackupMissing(Fault):
    """Everything works, until somebody needs the backup."""

    slug: ClassVar[str] = "backup-missing"
    title: ClassVar[str] = "the folder of backups is empty"

    def inject(self) -> None:
        """Move the backups away."""
        for path in self._folder.glob(PATTERN):
            path.rename(self.notes / path.name)

    def is_broken(self) -> bool:
        """No backup is there."""
        return not list(self._folder.glob(PATTERN))

    def mend(self) -> None:
        """Move them back."""
        for path in self.notes.glob(PATTERN):
            path.rename(self._folder / path.name)

    @property
    def _folder(self) -> Path:
        return self.stack.layout.backups

"""What a fault is: it breaks the stack for real, tells when that shows, and mends it for real."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from deploy.awe.process.stack import ProcessStack


@dataclass(frozen=True, slots=True)
class Fault(ABC):
    """A fault of one stack; `notes` is its own folder, there from before the breaking until after the mending."""

    slug: ClassVar[str]
    title: ClassVar[str]  # what is broken, one line

    stack: ProcessStack

    @property
    def notes(self) -> Path:
        """Where it keeps what its mending needs, possibly in another process."""
        return self.stack.layout.fault_notes(self.slug)

    @property
    def lacks(self) -> str:
        """What the stack would need for this fault and does not have; empty where it can be made."""
        return ""

    @abstractmethod
    def inject(self) -> None:
        """Break the stack."""

    @abstractmethod
    def is_broken(self) -> bool:
        """Tell whether the symptom shows, without changing anything."""

    @abstractmethod
    def mend(self) -> None:
        """Undo it, also when the breaking was cut short."""


def keep(files: Sequence[Path], *, notes: Path) -> None:
    """Copy the good files aside, modes included."""
    for path in files:
        shutil.copy2(path, notes / path.name)


def put_back(files: Sequence[Path], *, notes: Path) -> None:
    """Put the good files back where they were; those never kept are untouched."""
    for path in files:
        if (notes / path.name).exists():
            shutil.copy2(notes / path.name, path.with_name(f"{path.name}.new"))
            path.with_name(f"{path.name}.new").replace(path)

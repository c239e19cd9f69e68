"""What places outside have in common that hold checkpoints: what they are given, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from awe_incidents.audit.note import Signature
from awe_incidents.audit.published_log import Published


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint is held outside: in words how, and what shows it to others."""

    words: str
    signatures: tuple[Signature, ...] = ()  # cosignatures of the checkpoint
    proof: bytes = b""


class Anchor(Protocol):
    """One place outside."""

    @property
    def name(self) -> str:
        """Name it, for people and in the database."""

    @property
    def kind(self) -> str:
        """Say in a word what it is."""

    @property
    def takes_time(self) -> bool:
        """Tell whether it says when the log was no larger, so that it is asked for unchanged sizes, too."""

    def hold(self, published: Published, *, held: int) -> Held:
        """Bring a checkpoint there, where one of size `held` was held last; raises AnchorRefused."""

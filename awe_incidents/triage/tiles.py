"""Figures of the overview, each counted up to a bound (pure)."""

from __future__ import annotations

from typing import NamedTuple

MAX_COUNTED = 10_000  # newest rows per figure; beyond it the figure says "or more"


class Tile(NamedTuple):
    """One figure, and where it leads."""

    words: str
    number: int
    href: str
    kind: str  # key of labels.KINDS

    @property
    def figure(self) -> str:
        """Give the number as it is shown: what reached the bound may be more."""
        return str(self.number) if self.number < MAX_COUNTED else f"{MAX_COUNTED // 1000}k+"

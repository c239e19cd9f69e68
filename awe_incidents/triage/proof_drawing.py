"""An inclusion proof as a drawing: leaf at the bottom, what the proof brings beside it, root on top (pure).

Measures are those of the drawing, in which a letter of a hash is about 7 wide; it is as wide as a telephone is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from awe_incidents.audit.proof_path import Node, Step

WIDTH, ROW = 360, 66
BOX_WIDTH, BOX_HEIGHT = 104, 40
TOP, BOTTOM = 62, 30  # for what stands above the root and below the leaf
_LEFT, _MIDDLE, _RIGHT = 60, 180, 300  # where the boxes have their middles
SHORT = 8  # hex digits


@dataclass(frozen=True, slots=True)
class Box:
    """One hash; `kind` is leaf, own, given (by the proof) or root."""

    x: int
    y: int
    kind: str
    node: Node

    @property
    def left(self) -> int:
        """Give the left edge."""
        return self.x - BOX_WIDTH // 2

    @property
    def short(self) -> str:
        """Give the beginning of the hash."""
        return f"{self.node.hash.hex()[:SHORT]}…"

    @property
    def full(self) -> str:
        """Give the whole hash."""
        return self.node.hash.hex()

    @property
    def entries(self) -> str:
        """Say how many entries are below it."""
        return f"entry {self.node.first:,}" if self.node.number == 1 else f"{self.node.number:,} entries"

    @property
    def span(self) -> str:
        """Say which entries are below it."""
        return f"entry {self.node.first}" if self.node.number == 1 else f"entries {self.node.first} to {self.node.last}"


@dataclass(frozen=True, slots=True)
class Line:
    """The way from a hash up to the one that it goes into, with the corner between."""

    x: int
    y: int
    to_x: int
    to_y: int
    is_own: bool

    @property
    def corner_y(self) -> int:
        """Give the height at which it turns."""
        return (self.y + self.to_y) // 2


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the template draws."""

    height: int
    boxes: list[Box]
    lines: list[Line]

    @property
    def root(self) -> Box:
        """Give what stands on top."""
        return self.boxes[-1]

    @property
    def leaf(self) -> Box:
        """Give what it begins with."""
        return self.boxes[0]


def drawn(leaf: Node, steps: Sequence[Step]) -> Drawing:
    """Lay out the path of a leaf."""
    height = TOP + len(steps) * ROW + BOX_HEIGHT + BOTTOM
    y = height - BOTTOM - BOX_HEIGHT
    boxes, lines = [Box(_MIDDLE, y, "leaf" if steps else "root", leaf)], []
    for place, step in enumerate(steps, start=1):
        beside = _LEFT if step.is_left else _RIGHT
        lines += [_up(_MIDDLE, y, is_own=True), _up(beside, y, is_own=False)]
        boxes.append(Box(beside, y, "given", step.sibling))
        y -= ROW
        boxes.append(Box(_MIDDLE, y, "root" if place == len(steps) else "own", step.made))
    return Drawing(height, boxes, lines)


def _up(x: int, y: int, *, is_own: bool) -> Line:
    return Line(x, y, _MIDDLE, y - ROW + BOX_HEIGHT, is_own)

"""The signed size of the log over time as a plot: steps from checkpoint to checkpoint (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 1000, 160  # of the drawing, which is stretched to the page
_EDGE = 4


@dataclass(frozen=True, slots=True)
class SizePlot:
    """What the template draws: a line, the area below it, and what its ends are called."""

    line: str  # points of an SVG polyline
    area: str
    begins_at: datetime
    ends_at: datetime
    smallest: int
    largest: int


def plotted(checkpoints: Sequence[tuple[datetime, int]]) -> SizePlot | None:
    """Plot times and sizes, oldest first; None where there are not two times to draw between."""
    if not checkpoints or checkpoints[0][0] == checkpoints[-1][0]:
        return None
    began, ended = checkpoints[0][0], max(at for at, _ in checkpoints)
    sizes = [size for _, size in checkpoints]
    smallest, largest = min(sizes), max(sizes)
    points: list[str] = []
    y = 0.0
    for place, (at, size) in enumerate(checkpoints):
        x = WIDTH * max((at - began) / (ended - began), 0.0)
        before, y = y, HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * ((size - smallest) / ((largest - smallest) or 1))
        points += [f"{x:.1f},{before:.1f}"] * bool(place) + [f"{x:.1f},{y:.1f}"]
    line = " ".join(points)
    return SizePlot(line, f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}", began, ended, smallest, largest)

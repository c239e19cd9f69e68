"""What is usual on a stack: the last good values of what its checks measure, and limits made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

KEPT_VALUES = 30  # of each measured thing; a month of daily runs
LEAST_VALUES = 5  # fewer say nothing of what is usual [ours]
MAX_KEYS = 200  # of one check on one stack, so that a hostile target cannot make it grow

Values = Mapping[str, Sequence[float]]  # by what was measured; oldest first


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of the kept values, and how far half of them lie from it at most (MAD)."""

    median: float
    deviation: float
    count: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last good values of one check on one stack."""

    values: Values = field(default_factory=dict)

    def usual(self, key: str) -> Usual | None:
        """Give what is usual, or None where too few values are known."""
        values = self.values.get(key, ())
        if len(values) < LEAST_VALUES:
            return None
        middle = median(values)
        return Usual(middle, median(abs(value - middle) for value in values), len(values))

    def last(self, key: str) -> float | None:
        """Give the newest value."""
        values = self.values.get(key, ())
        return values[-1] if values else None


def grown(values: Values, learned: Mapping[str, float]) -> dict[str, list[float]]:
    """Give the values with the newest added, the oldest dropped, and no more than `MAX_KEYS` things measured.

    What was measured now comes before what was measured earlier only, as the latter is likely to be gone.
    """
    kept = {key: [*values.get(key, ()), value][-KEPT_VALUES:] for key, value in list(learned.items())[:MAX_KEYS]}
    older = (key for key in values if key not in kept)
    return kept | {key: list(values[key]) for key, _ in zip(older, range(MAX_KEYS - len(kept)), strict=False)}

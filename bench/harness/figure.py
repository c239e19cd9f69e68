"""A figure: one measured value, what it was measured against in the same run, and whether it is good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from bench.harness.errors import FigureMalformed

DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`ratio` is value over `beside_value`, unless the family says otherwise; without a target `met` is None."""

    name: str
    value: float
    unit: str
    beside: str = ""
    beside_value: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Take what a family yielded.

        Raises: FigureMalformed.
        """
        known = {field.name for field in fields(cls)}
        if missing := {"name", "value", "unit"} - set(given):
            raise FigureMalformed(f"a figure without {', '.join(sorted(missing))}: {dict(given)}")
        if unknown := set(given) - known:
            raise FigureMalformed(f"{given['name']}: unknown keys {', '.join(sorted(unknown))}")
        figure = cls(**given)
        if not math.isfinite(figure.value):
            raise FigureMalformed(f"{figure.name}: {figure.value} is no measured value")
        if figure.target and figure.met is None:
            raise FigureMalformed(f"{figure.name}: a target, and nothing said of whether it is met")
        return figure


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    beside: str = "",
    beside_value: float | None = None,
    ratio: float | None = None,
    least_ratio: float | None = None,
    most_ratio: float | None = None,
    most: float | None = None,
    least: float | None = None,
) -> dict[str, Any]:
    """Give a figure in the form that families yield, judged by the one limit that is given: of the ratio or the value.

    `ratio` is given where it is not value over `beside_value`, as with a median of ratios.
    """
    if ratio is None and beside_value:
        ratio = value / beside_value
    target, met = _judged(value, ratio, least_ratio=least_ratio, most_ratio=most_ratio, most=most, least=least)
    numbers = {"value": value, "beside_value": beside_value, "ratio": ratio}
    rounded = {key: None if number is None else _short(number) for key, number in numbers.items()}
    return asdict(Figure(name=name, unit=unit, beside=beside, target=target, met=met, **rounded))  # type: ignore[arg-type]


def _judged(
    value: float,
    ratio: float | None,
    *,
    least_ratio: float | None,
    most_ratio: float | None,
    most: float | None,
    least: float | None,
) -> tuple[str, bool | None]:
    if least is not None:
        return f">= {least:g}", value >= least
    if most is not None:
        return f"<= {most:g}", value <= most
    if least_ratio is not None:
        return f"ratio >= {least_ratio:g}", ratio is not None and ratio >= least_ratio
    if most_ratio is not None:
        return f"ratio <= {most_ratio:g}", ratio is not None and ratio <= most_ratio
    return "", None


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")

"""What a scheduled run says of its stack, read from its diagnosis (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awe_incidents.incidents.states import Reading
from diagnostics.diagnosis.diagnosis import Conclusion


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a stack: a cause, or a failure that none is known for."""

    sentence: str  # in one line
    cause: str = ""  # its slug; "" where none is known
    shown: Mapping[str, Any] | None = None  # what marks it among the `causes` or the `unexplained` of a diagnosis
    spans: tuple[Mapping[str, Any], ...] = ()  # the evidence that shows it


def reading_of(document: Mapping[str, Any] | None) -> tuple[Reading, tuple[Problem, ...]]:
    """Give what a diagnosis (None where the run has none) says of the stack, and the problems, likeliest first."""
    if document is None:
        return Reading.NOTHING, ()
    match document["verdict"]:
        case Conclusion.HEALTHY:
            return Reading.WELL, ()
        case Conclusion.DIAGNOSED:
            return Reading.DIAGNOSED, tuple(_diagnosed(one) for one in document["causes"] if not one["warns_only"])
    if document["unexplained"]:
        return Reading.UNEXPLAINED, (_unexplained(document["unexplained"][0]),)
    return Reading.NOTHING, ()


def _diagnosed(cause: Mapping[str, Any]) -> Problem:
    return Problem(
        sentence=_line(cause["sentence"]),
        cause=cause["code"],
        shown={name: cause[name] for name in ("code", "subject", "warns_only")},
        spans=tuple(cause["evidence"]),
    )


def _unexplained(finding: Mapping[str, Any]) -> Problem:
    return Problem(
        sentence=_line(f"{finding['check']} fails, for which no cause is known: {finding['message']}"),
        shown={name: finding[name] for name in ("check", "code")},
        spans=tuple(finding["evidence"]),
    )


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")

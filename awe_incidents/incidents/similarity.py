"""How similar two incidents are by what their runs found: a pure score, with the reasons.

The same likeliest cause counts 0.6, and 0.1 more where it is about the same subject; known log lines count up to 0.3,
by the share of those that both have among all that either has. Where one has no cause, their lines are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

SAME_CAUSE, SAME_SUBJECT, SAME_LINES = 0.6, 0.1, 0.3


@dataclass(frozen=True, slots=True)
class Traits:
    """What incidents are compared by."""

    cause: str = ""
    subject: str = ""
    signatures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Similarity:
    """How similar, from 0 to 1, and what both have in common."""

    score: float
    same_cause: bool
    same_subject: bool
    signatures: tuple[str, ...]  # in alphabetical order


def similarity(one: Traits, other: Traits) -> Similarity:
    """Compare two incidents."""
    same_cause = one.cause == other.cause != ""
    same_subject = same_cause and one.subject == other.subject
    shared, either = one.signatures & other.signatures, one.signatures | other.signatures
    score = (
        SAME_CAUSE * same_cause
        + SAME_SUBJECT * same_subject
        + SAME_LINES * (len(shared) / len(either) if either else 0)
    )
    return Similarity(round(score, 3), same_cause, same_subject, tuple(sorted(shared)))

"""Probe of clocks: how far another clock is ahead of ours, and how far off that answer may be at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from diagnostics.probes.http import Answer

WHOLE_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One clock beside ours; the other was read at some moment of the round trip."""

    ahead_seconds: float
    error_seconds: float  # half of the round trip
    theirs: float  # epoch seconds as read

    @property
    def certain_seconds(self) -> float:
        """Give the part of the difference that a slow round trip cannot explain; never negative."""
        return max(abs(self.ahead_seconds) - self.error_seconds, 0.0)


def reading(theirs: float, *, asked_at: float, answered_at: float, resolution_seconds: float = 0.0) -> Reading:
    """Compare a clock that was read between two moments of ours; whole seconds are read as their middle."""
    error = max(answered_at - asked_at, 0.0) / 2
    ahead = theirs + resolution_seconds / 2 - (answered_at - error)
    return Reading(round(ahead, 3), round(error, 3), theirs)


def date_reading(answer: Answer, *, answered_at: float) -> Reading | None:
    """Compare the Date header of an answer, None where it has none that can be read.

    The header is written after the request came in, so the connection's own time does not count. What a cache gave is
    as old as it says (RFC 9111).
    """
    try:
        at = parsedate_to_datetime(answer.headers.get("date", "").split("\n")[0])
        theirs = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    age = answer.headers.get("age", "0").strip()
    theirs += min(int(age), 10**9) if age.isdigit() and len(age) < 12 else 0
    asked_at = answered_at - (answer.phases.get("wait", 0.0) + answer.phases.get("receive", 0.0)) / 1000
    return reading(theirs, asked_at=asked_at, answered_at=answered_at, resolution_seconds=WHOLE_SECOND)

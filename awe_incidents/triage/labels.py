"""Words and colors of states, and times as people say them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from diagnostics.states import RunState

# The theme's kinds of labels: danger, warning, success, info; what is missing is gray.
KINDS: dict[str, str] = {
    "open": "danger",
    "acknowledged": "warning",
    "resolved": "success",
    "critical": "danger",
    "high": "warning",
    "medium": "info",
    "fail": "danger",
    "error": "warning",
    "warn": "warning",
    "pass": "success",
    "queued": "info",
    "running": "info",
    "ready": "info",
    "looking": "info",
    "pending": "info",
    "refused": "danger",
    "Production": "danger",
    "Staging": "warning",
    "usable": "success",
    "healthy": "success",
    "doubtful": "warning",
    "unhealthy": "danger",
    "expired": "warning",
    "revoked": "danger",
    "signed": "success",
    "waiting": "info",
    "erased": "warning",
    "alarm": "danger",
    "executed_never_approved": "danger",
    "approved_never_executed": "danger",
    "span_not_looked_at": "warning",
    "engine_silent": "warning",
    "settled": "success",
    "broken": "danger",
    "all stand": "success",
    "late": "danger",
    "pending_approval": "warning",
    "break_glass": "warning",
    "approved": "info",
    "executing": "info",
    "claimed": "info",
    "verifying": "info",
    "started": "info",
    "done": "success",
    "cancelling": "warning",
    "succeeded": "success",
    "verify_failed": "danger",
    "failed": "danger",
    "outcome_unknown": "danger",
    "denied": "danger",
    "invalidated": "warning",
    "due": "warning",
    "overdue": "danger",
    "in_order": "success",
    "violation": "danger",
    "by hand": "warning",
    "in time": "success",
    "sealed": "info",
    "now": "warning",
    "coming": "info",
    "open now": "success",
    "opens later": "info",
}
# From bad to good: what a finished run is called by.
_OUTCOMES = ("fail", "error", "warn")
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def outcome(state: str, counts: Mapping[str, int]) -> tuple[str, str]:
    """Give a run's outcome as key of KINDS and as words: the worst state of its results, with its number."""
    if state != RunState.FINISHED:
        return state, state
    for bad in _OUTCOMES:
        if number := counts.get(bad, 0):
            return bad, f"{number} {bad}"
    return ("pass", "pass") if counts.get("pass") else ("skip", "nothing looked")


def moment(at: datetime | None) -> str:
    """Give a time in UTC to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "-"


def distance(at: datetime, *, now: datetime) -> str:
    """Say how far away a time is: `3 h ago`, `in 12 min`."""
    return f"in {age(now, now=at)}" if at > now else f"{age(at, now=now)} ago"


def age(since: datetime, *, now: datetime) -> str:
    """Give a span in its largest whole unit: `45 s`, `12 min`, `3 h`, `5 d`."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

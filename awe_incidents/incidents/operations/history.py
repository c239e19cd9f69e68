"""Lines of an incident's history, as every operation writes them."""

from __future__ import annotations

from datetime import datetime

from awe_incidents.actor import Actor
from awe_incidents.incidents.models import Incident, TimelineEntry
from diagnostics.models import Run

Line = tuple[str, str, dict[str, object]]  # of a timeline: kind, text, data


def write_history(incident: Incident, *, by: Actor, at: datetime, lines: list[Line]) -> None:
    """Insert lines at the end of an incident's history."""
    TimelineEntry.objects.bulk_create(history_of(incident, by=by, at=at, lines=lines))


def history_of(incident: Incident, *, by: Actor, at: datetime, lines: list[Line]) -> list[TimelineEntry]:
    """Give lines as rows, for a caller that inserts them beside other rows."""
    return [
        TimelineEntry(incident=incident, kind=kind, text=text, actor=str(by), data=data, occurred_at=at)
        for kind, text, data in lines
    ]


def run_requested(run: Run) -> Line:
    """Give the line that a requested run leaves."""
    again = f" with {', '.join(run.checks)} again" if run.checks else ""
    return "run_requested", f"Run {run.pk} requested{again}", {"run": run.pk, "suite": run.suite}

"""Listen to the sweeper, and to runs that finish."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from awe_incidents.recovery import operations
from diagnostics.models import Run
from diagnostics.signals import run_finished, sweeping


@receiver(sweeping)
def on_sweeping(*, at: datetime, **_: Any) -> None:
    """Look after executions that wait, workers that were lost, and requests whose time is up."""
    operations.sweep_recovery(at=at)


@receiver(run_finished)
def on_run_finished(*, run: Run, at: datetime, **_: Any) -> None:
    """Keep what a run says that was made after an execution; its incident's history has the run by then."""
    operations.note_rechecked(run=run, at=at)

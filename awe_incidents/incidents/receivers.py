"""Listen to diagnostics: a finished run goes into histories, and the sweeper looks after what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from awe_incidents.incidents import operations
from diagnostics.models import Run
from diagnostics.signals import run_finished, sweeping


@receiver(run_finished)
def on_run_finished(*, run: Run, at: datetime, **_: Any) -> None:
    """Hand over to the operations; the first may link the run to an incident, whose history then tells of it."""
    operations.watch_stack(run=run, at=at)
    operations.note_run_finished(run=run, at=at)


@receiver(sweeping)
def on_sweeping(*, at: datetime, **_: Any) -> None:
    """Look after pictures and reports that wait."""
    operations.sweep_attachments(at=at)
    operations.sweep_prefills(at=at)

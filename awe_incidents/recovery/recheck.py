"""The table of checks that ran again after executions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from diagnostics.models import Run


class Recheck(models.Model):
    """The checks that had failed, run again after an execution: their answers before and after, side by side."""

    execution = models.OneToOneField(
        "recovery.Execution", on_delete=models.PROTECT, primary_key=True, related_name="recheck"
    )
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="+")
    before = models.JSONField()  # list of check, state, code, message; kept when results are removed
    after = models.JSONField(null=True)  # the same once the run is finished
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="recheck_finished",
                condition=Q(after__isnull=True, finished_at__isnull=True)
                | Q(after__isnull=False, finished_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"recheck of execution {self.execution_id}"

"""The table of what the service collects beside bug reports."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from awe_incidents.incidents.states import PrefillState


class ReportPrefill(models.Model):
    """What the stack knew of itself when a report was filed, beside what people wrote; collected in the background.

    Parted by month as the report is, for its id is the report's.
    """

    report = models.OneToOneField(
        "incidents.BugReport",
        on_delete=models.PROTECT,
        related_name="prefill",
        primary_key=True,
        db_column="id",
        db_constraint=False,
    )
    state = models.CharField(
        max_length=16, default=PrefillState.WAITING, choices=[(s.value, s.value) for s in PrefillState]
    )
    fields = models.JSONField(default=dict)  # by name: text, source, reason, captured_at, redactions, dropped_bytes
    collected_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField()  # when its doorbell was last rung
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)  # counts claims; a stale worker's write is refused

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="prefill_whole",
                condition=Q(state=PrefillState.WAITING, collected_at=None, fields={})
                | (Q(state=PrefillState.COLLECTED, collected_at__isnull=False, lease_until=None) & ~Q(fields={})),
            )
        ]
        indexes = [models.Index(fields=["rung_at"], name="prefill_open", condition=Q(state=PrefillState.WAITING))]

    def __str__(self) -> str:
        return f"prefill of report {self.report_id}"

"""The table of diagnoses that made people ask for something."""

from __future__ import annotations

from django.db import models

from diagnostics.models import Run


class Recommendation(models.Model):
    """The cause of a diagnosis for which somebody asks, with the evidence that it cited; append-only."""

    request = models.OneToOneField(
        "recovery.RecoveryRequest", on_delete=models.PROTECT, primary_key=True, related_name="recommendation"
    )
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+", db_index=False)
    cause = models.CharField(max_length=100)
    subject = models.CharField(max_length=500)
    sentence = models.TextField()
    evidence = models.JSONField()  # spans: check, evidence, first_line, last_line

    def __str__(self) -> str:
        return f"{self.cause} for request {self.request_id}"

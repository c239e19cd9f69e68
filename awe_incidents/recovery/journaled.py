"""Table of what was written into a journal while our own database was away, and taken in afterwards."""

from __future__ import annotations

from django.db import models


class JournaledAction(models.Model):
    """Where a manual action was first written down; append-only, and a line is taken in once."""

    action = models.OneToOneField(
        "recovery.ManualAction", on_delete=models.PROTECT, primary_key=True, related_name="journaled", db_index=False
    )
    key = models.CharField(max_length=16)  # of the journal, by the start of its SHA-256
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, unique=True)  # of the line
    follows = models.BooleanField()  # the line before it is the one that it was written behind
    written_at = models.DateTimeField()  # by that machine's clock

    def __str__(self) -> str:
        return f"line {self.number} of journal {self.key}"

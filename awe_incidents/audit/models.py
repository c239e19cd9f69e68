"""Tables of the trail. No foreign keys to others; the database refuses every change of an entry."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Entry(models.Model):
    """One recorded fact: `body` is the truth, the other columns are derived from it for search."""

    body = models.BinaryField(max_length=65_535, editable=False)  # canonical bytes, see canonical.py
    event_id = models.UUIDField(unique=True)
    verb = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    actor = models.CharField(max_length=64)
    incident_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="entry_subject"),
            models.Index(
                fields=["incident_id", "id"], name="entry_incident", condition=models.Q(incident_id__isnull=False)
            ),
            models.Index(fields=["actor", "id"], name="entry_actor"),
            models.Index(fields=["verb", "id"], name="entry_verb"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type}:{self.subject_id}"


class Disclosure(models.Model):
    """The text behind a commitment in an entry; erasing it leaves the entry as it is."""

    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="disclosures", db_index=False)
    field = models.CharField(max_length=64)  # dotted place in the entry
    salt = models.BinaryField(max_length=16, editable=False)
    value = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(name="disclosure_once", fields=["entry", "field"])]

    def __str__(self) -> str:
        return f"{self.field} of entry {self.entry_id}"

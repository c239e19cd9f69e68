"""The tables of what runs found for incidents: what the service suggests, and what similar incidents are found by."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from awe_incidents.incidents.states import ClassificationSource
from diagnostics.models import Run, Stack


class IncidentDiagnosis(models.Model):
    """What an incident's runs found: the likeliest cause of the latest run that has one, and known log lines of all.

    Made when the first run that found something finishes. The suggestion stays when people say something else.
    """

    incident = models.OneToOneField(
        "incidents.Incident", on_delete=models.PROTECT, primary_key=True, related_name="diagnosis"
    )
    stack = models.ForeignKey(
        Stack, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # the incident's, which has the constraint
    opened_at = models.DateTimeField()  # of the incident
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+", db_index=False, null=True)
    cause = models.CharField(max_length=100, blank=True, default="")  # its slug; "" while no run had one
    subject = models.CharField(max_length=500, blank=True, default="")
    sentence = models.TextField(blank=True, default="")
    category = models.CharField(max_length=16, blank=True, default="")
    severity = models.CharField(max_length=16, blank=True, default="")
    actions = ArrayField(models.CharField(max_length=100), default=list)  # slugs of recovery actions
    suggested_at = models.DateTimeField(null=True)
    signatures = ArrayField(models.CharField(max_length=32), default=list)  # codes, in the order in which they came

    class Meta:
        verbose_name_plural = "diagnoses of incidents"
        constraints = [
            models.CheckConstraint(
                name="incident_suggestion_whole",
                condition=Q(cause="", run=None, suggested_at=None, category="", severity="")
                | (Q(run__isnull=False, suggested_at__isnull=False) & ~Q(cause="") & ~Q(category="") & ~Q(severity="")),
            )
        ]
        # A walk along one of them, newest first, ends after so many incidents, however many have the cause.
        indexes = [
            models.Index(fields=["cause", "-opened_at", "-incident"], name="incident_by_cause", condition=~Q(cause="")),
            models.Index(
                fields=["stack", "cause", "-opened_at", "-incident"],
                name="incident_by_cause_of_stack",
                condition=~Q(cause=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause or 'no cause'} for incident {self.incident_id}"


class IncidentSignature(models.Model):
    """A known log line that a run of an incident saw: `IncidentDiagnosis.signatures` in rows, to be walked along."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.PROTECT, related_name="+", db_index=False)
    stack = models.ForeignKey(
        Stack, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # the incident's
    opened_at = models.DateTimeField()  # of the incident
    signature = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(name="incident_signature_once", fields=["incident", "signature"])]
        indexes = [
            models.Index(fields=["signature", "-opened_at", "-incident"], name="incident_by_line"),
            models.Index(fields=["stack", "signature", "-opened_at", "-incident"], name="incident_by_line_of_stack"),
        ]

    def __str__(self) -> str:
        return f"{self.signature} for incident {self.incident_id}"


def sourced(name: str) -> Q:
    """Give the condition for a word of an incident to have a source that there is; the service's is not empty."""
    source = f"{name}_source"
    return Q(**{f"{source}__in": ["", *ClassificationSource]}) & ~Q(**{source: ClassificationSource.SERVICE, name: ""})

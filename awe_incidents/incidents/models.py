"""Tables of incidents, bug reports and timelines."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from awe_incidents.incidents.attachment_rows import Attachment as Attachment
from awe_incidents.incidents.attachment_rows import AttachmentContent as AttachmentContent
from awe_incidents.incidents.attachment_rows import AttachmentOriginal as AttachmentOriginal
from awe_incidents.incidents.incident_diagnosis import IncidentDiagnosis as IncidentDiagnosis
from awe_incidents.incidents.incident_diagnosis import IncidentSignature as IncidentSignature
from awe_incidents.incidents.incident_diagnosis import sourced
from awe_incidents.incidents.incident_words import IncidentWords as IncidentWords
from awe_incidents.incidents.report_prefill import ReportPrefill as ReportPrefill
from awe_incidents.incidents.stack_watch import StackWatch as StackWatch
from awe_incidents.incidents.states import (
    WAITING,
    Category,
    EnvironmentSource,
    IncidentState,
    Severity,
)
from awe_incidents.monthly import MonthlyId
from diagnostics.models import Run, Stack
from diagnostics.stack.schema import ENVIRONMENTS

TEMPLATE_FIELDS = (
    "environment",
    "docker_compose_version",
    "container_logs",
    "steps_to_reproduce",
    "expected_behavior",
    "actual_behavior",
    "screenshots",
)


class Incident(models.Model):
    """What triage works on; gathers the bug reports of one problem on one stack."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="incidents", db_index=False)
    title = models.CharField(max_length=200)
    state = models.CharField(
        max_length=16, default=IncidentState.OPEN, choices=[(s.value, s.value) for s in IncidentState]
    )
    severity = models.CharField(max_length=16, blank=True, default="", choices=[(s.value, s.value) for s in Severity])
    category = models.CharField(max_length=16, blank=True, default="", choices=[(c.value, c.value) for c in Category])
    severity_source = models.CharField(max_length=8, blank=True, default="")  # of ClassificationSource
    category_source = models.CharField(max_length=8, blank=True, default="")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="opened_incidents", null=True
    )  # None: the service, as a scheduled run found its stack unhealthy
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)  # counts changes; what If-Match compares
    reports_removed_at = models.DateTimeField(null=True)  # when retention last took a report of it

    class Meta:
        constraints = [
            models.CheckConstraint(name="incident_state", condition=Q(state__in=list(IncidentState))),
            models.CheckConstraint(name="incident_severity", condition=Q(severity__in=["", *Severity])),
            models.CheckConstraint(name="incident_category", condition=Q(category__in=["", *Category])),
            models.CheckConstraint(name="incident_sources", condition=sourced("severity") & sourced("category")),
        ]
        indexes = [
            models.Index(fields=["-opened_at", "-id"], name="incident_newest"),
            models.Index(fields=["stack", "-opened_at", "-id"], name="incident_newest_of_stack"),
            models.Index(fields=["state", "-opened_at", "-id"], name="incident_newest_by_state"),
            models.Index(
                fields=["-opened_at", "-id"], name="incident_newest_waiting", condition=Q(state__in=list(WAITING))
            ),
            # Of those that somebody judged only: filing writes into neither.
            *(
                models.Index(fields=[name, "-opened_at", "-id"], name=f"incident_by_{name}", condition=~Q(**{name: ""}))
                for name in ("severity", "category")
            ),
        ]

    def __str__(self) -> str:
        shown = vars(self).get("shown_title")  # of `queries.with_titles`; the title itself is not for everybody
        return f"#{self.pk} {shown}" if shown else f"#{self.pk}"


class ReportText(models.Model):
    """What a bug report says: the documented template, redacted, and what it lacks."""

    environment = models.CharField(max_length=16, choices=[(name, name) for name in ENVIRONMENTS])
    environment_source = models.CharField(
        max_length=16, default=EnvironmentSource.REPORTER, choices=[(s.value, s.value) for s in EnvironmentSource]
    )
    docker_compose_version = models.TextField(blank=True)
    container_logs = models.TextField(blank=True)
    steps_to_reproduce = models.TextField(blank=True)
    expected_behavior = models.TextField(blank=True)
    actual_behavior = models.TextField()
    screenshots = models.TextField(blank=True)
    redactions = models.JSONField(default=dict)  # receipt: rule-set version and counts by field and rule
    lint = models.JSONField(default=list)  # what it lacks: section, code and weight of each flaw
    completeness = models.PositiveSmallIntegerField()  # 100 less those weights

    class Meta:
        abstract = True


class BugReport(ReportText):
    """The documented template as filed; a correction is a new revision.

    Of its own columns only these change: the incident and how often that did, which revision is the current one, and
    how complete that is.
    """

    id = MonthlyId(primary_key=True)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="reports", db_index=False)
    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="reports", db_index=False)
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bug_reports", db_index=False
    )
    filed_at = models.DateTimeField()
    moves = models.PositiveIntegerField(default=0)  # from one incident to another
    current = models.ForeignKey(  # None while nobody has revised it; the two go together, so no key watches over them
        "ReportRevision",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="report_environment", condition=Q(environment__in=ENVIRONMENTS)),
            models.CheckConstraint(
                name="report_environment_source", condition=Q(environment_source__in=list(EnvironmentSource))
            ),
            models.CheckConstraint(name="report_says_what_happened", condition=~Q(actual_behavior="")),
            models.CheckConstraint(name="report_completeness", condition=Q(completeness__lte=100)),
        ]
        indexes = [
            models.Index(fields=["reporter", "-id"], name="report_of_reporter"),
            models.Index(fields=["stack", "-id"], name="report_of_stack"),
            BrinIndex(fields=["filed_at"], name="report_filed", autosummarize=True),  # for retention; costs no insert
            models.Index(fields=["incident", "completeness"], name="report_of_incident"),  # also for the best of them
        ]

    def __str__(self) -> str:
        return f"report {self.pk} on incident {self.incident_id}"

    @property
    def revision(self) -> int:
        """Count revisions, the report as filed being the first."""
        return self.current.number if self.current else 1

    @property
    def version(self) -> int:
        """Count revisions and moves; what If-Match compares."""
        return self.revision + self.moves

    @property
    def latest(self) -> ReportText:
        """Give what the report says now."""
        return self.current or self


class ReportRevision(ReportText):
    """What a bug report says since somebody corrected it: all of it again, by whom and why. Append-only."""

    report = models.ForeignKey(  # no key in the database points into a table that is parted by month
        BugReport, on_delete=models.PROTECT, related_name="revisions", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField()  # from 2 on: the first is the report as filed
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    because = models.TextField(blank=True)
    changed = ArrayField(models.CharField(max_length=32))  # names of the fields that differ from the one before
    revised_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="revision_once", fields=["report", "number"]),
            models.CheckConstraint(name="revision_number", condition=Q(number__gte=2)),
            models.CheckConstraint(name="revision_changes_something", condition=~Q(changed=[])),
            models.CheckConstraint(name="revision_environment", condition=Q(environment__in=ENVIRONMENTS)),
            models.CheckConstraint(
                name="revision_environment_source", condition=Q(environment_source__in=list(EnvironmentSource))
            ),
            models.CheckConstraint(name="revision_says_what_happened", condition=~Q(actual_behavior="")),
            models.CheckConstraint(name="revision_completeness", condition=Q(completeness__lte=100)),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of report {self.report_id}"


class RemovedReport(models.Model):
    """That there was a bug report, after the retention of its stack took it: nothing of what it said."""

    id = models.BigIntegerField(primary_key=True)  # the report's
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="removed_reports", db_index=False)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    filed_at = models.DateTimeField()
    removed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"report {self.pk}, removed"


class TimelineEntry(models.Model):
    """A line of an incident's history; append-only, a correction is a new entry."""

    id = MonthlyId(primary_key=True)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timeline", db_index=False)
    kind = models.CharField(max_length=32)  # report_filed, report_joined, opened, run_requested, acknowledged, ...
    text = models.TextField()
    actor = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "timeline"
        indexes = [models.Index(fields=["incident", "occurred_at", "id"], name="timeline_of_incident")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:60]}"


class IncidentRun(models.Model):
    """Which run was made for which incident."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="incident_runs", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="incident_runs")

    class Meta:
        constraints = [models.UniqueConstraint(name="incident_run_once", fields=["incident", "run"])]

    def __str__(self) -> str:
        return f"run {self.run_id} for incident {self.incident_id}"

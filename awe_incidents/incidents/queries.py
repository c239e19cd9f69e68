"""Reads of incidents; every list that a person sees starts at a `visible_` query."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.models import BugReport, Incident, IncidentRun, TimelineEntry
from diagnostics.models import Evidence, Run


def visible_incidents(user: User) -> QuerySet[Incident]:
    """Give the incidents that a person may see: a reporter those with an own report, and those opened by themselves.

    Each has the `completeness` of the best report on it that this person may see; None without one.
    """
    reports = visible_reports(user).filter(incident=OuterRef("pk")).order_by("-completeness")
    best = Subquery(reports.values("completeness")[:1])
    incidents = Incident.objects.select_related("stack").annotate(completeness=best)
    if sees_everything(user.roles):
        return incidents
    own = BugReport.objects.filter(incident=OuterRef("pk"), reporter=user)
    return incidents.filter(Exists(own) | Q(opened_by=user))


def visible_reports(user: User) -> QuerySet[BugReport]:
    """Give the bug reports that a person may see: a reporter own ones only, also on a shared incident."""
    reports = BugReport.objects.select_related("stack", "reporter")
    return reports if sees_everything(user.roles) else reports.filter(reporter=user)


def visible_runs(user: User) -> QuerySet[Run]:
    """Give the runs that a person may see: a reporter those made for incidents they see."""
    runs = Run.objects.select_related("stack")
    if sees_everything(user.roles):
        return runs
    seen = IncidentRun.objects.filter(run=OuterRef("pk"), incident__in=visible_incidents(user))
    return runs.filter(Exists(seen))


def visible_evidence(user: User) -> QuerySet[Evidence]:
    """Give the evidence of visible runs."""
    evidence = Evidence.objects.select_related("text", "result")
    return evidence if sees_everything(user.roles) else evidence.filter(result__run__in=visible_runs(user))


def visible_timeline(incident: Incident, user: User) -> QuerySet[TimelineEntry]:
    """Give an incident's history; a reporter does not see entries that tell of other people's reports."""
    entries = TimelineEntry.objects.filter(incident=incident).order_by("occurred_at", "id")
    if sees_everything(user.roles):
        return entries
    own = BugReport.objects.filter(incident=incident, reporter=user).values_list("pk", flat=True)
    return entries.filter(~Q(kind="report_filed") | Q(data__report__in=list(own)))

"""Reads of incidents; every list that a person sees starts at a `visible_` query."""

from __future__ import annotations

import zlib
from typing import Any

from django.db.models import BigIntegerField, Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.disclosure import NEUTRAL_TITLE
from awe_incidents.incidents.errors import AttachmentNotReady, RemovedByRetention
from awe_incidents.incidents.lint import WHOLE
from awe_incidents.incidents.models import (
    TEMPLATE_FIELDS,
    Attachment,
    BugReport,
    Incident,
    IncidentRun,
    IncidentWords,
    RemovedReport,
    ReportRevision,
    ReportText,
    StackWatch,
    TimelineEntry,
)
from awe_incidents.incidents.states import AttachmentState
from diagnostics.models import Evidence, Run, StackSchedule


def visible_incidents(user: User) -> QuerySet[Incident]:
    """Give the incidents that a person may see: a reporter those with an own report, or that they opened without one.

    Each has the `completeness` of the best report on it that this person may see; None without one. Titles are not for
    everybody: `disclosure.title_for` says what a person reads.
    """
    reports = visible_reports(user).filter(incident=OuterRef("pk")).order_by("-completeness")
    best = Subquery(reports.values("completeness")[:1])
    incidents = Incident.objects.select_related("stack", "diagnosis").annotate(completeness=best)
    if sees_everything(user.roles):
        return incidents
    return incidents.filter(Exists(IncidentWords.objects.filter(incident=OuterRef("pk"), person=user)))


def with_titles(rows: QuerySet[Any], user: User, *, incident: str = "") -> QuerySet[Any]:
    """Add `shown_title`, the incident's title as `disclosure.title_for` gives it, to rows of lists."""
    title = F(f"{incident}title")
    shown: Any = title
    if not sees_everything(user.roles):
        neutral = Concat(Value(NEUTRAL_TITLE), Cast(F(f"{incident}pk"), CharField()))
        own = When(Q(**{f"{incident}opened_by": user}) | Q(**{f"{incident}opened_by": None}), then=title)
        shown = Case(own, default=neutral, output_field=CharField())
    titled: QuerySet[Any] = rows.annotate(shown_title=shown)
    return titled


def visible_reports(user: User) -> QuerySet[BugReport]:
    """Give the bug reports that a person may see: a reporter own ones only, also on a shared incident."""
    reports = BugReport.objects.select_related("stack", "reporter", "current")
    return reports if sees_everything(user.roles) else reports.filter(reporter=user)


def check_not_removed(report_id: int, user: User) -> None:
    """Tell of a report that is gone for good from one that is not there.

    Raises: RemovedByRetention, to whoever could have seen it.
    """
    removed = RemovedReport.objects.filter(pk=report_id)
    gone = (removed if sees_everything(user.roles) else removed.filter(reporter=user)).first()
    if gone is not None:
        raise RemovedByRetention(f"bug report {report_id} was removed by retention on {gone.removed_at:%Y-%m-%d}")


def visible_revisions(user: User) -> QuerySet[ReportRevision]:
    """Give the revisions of the reports that a person may see."""
    revisions = ReportRevision.objects.select_related("author")
    return revisions if sees_everything(user.roles) else revisions.filter(report__reporter=user)


def revisions_of(report: BugReport) -> list[ReportRevision]:
    """Give a report's revisions, newest first, without their long texts; the last one is the report as filed."""
    if report.current is None:
        return [_as_filed(report)]
    revised = report.revisions.select_related("author").defer(*TEMPLATE_FIELDS).order_by("-number")
    return [*revised, _as_filed(report)]


def revision_of(report: BugReport, number: int) -> ReportRevision:
    """Give one revision of a report.

    Raises: ReportRevision.DoesNotExist.
    """
    return _as_filed(report) if number == 1 else report.revisions.select_related("author").get(number=number)


def _as_filed(report: BugReport) -> ReportRevision:
    """Give what was filed in the form of a revision; how complete it was is what it lacked, as the column moves on."""
    said = {field.name: getattr(report, field.name) for field in ReportText._meta.fields}
    said["completeness"] = WHOLE - sum(flaw["weight"] for flaw in report.lint)
    return ReportRevision(
        report=report, number=1, author=report.reporter, changed=[], revised_at=report.filed_at, **said
    )


def visible_attachments(user: User) -> QuerySet[Attachment]:
    """Give the attachments of visible reports, never with their bytes."""
    attachments = stored_attachments().exclude(report=None)
    return attachments if sees_everything(user.roles) else attachments.filter(report__reporter=user)


def stored_attachments() -> QuerySet[Attachment]:
    """Give every attachment, whatever it belongs to, never with its bytes; who may see which, the caller decides."""
    return Attachment.objects.select_related("content").defer("content__data")


def attachment_content(attachment: Attachment) -> bytes:
    """Give what a ready attachment gives out.

    Raises: AttachmentNotReady.
    """
    if attachment.state == AttachmentState.PENDING:
        raise AttachmentNotReady("the picture waits to be made anew; come again in some seconds")
    if attachment.content is None:
        raise AttachmentNotReady(f"there is nothing to give: {attachment.refusal}")
    data = bytes(attachment.content.data)
    return zlib.decompress(data) if attachment.content.is_compressed else data


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


def watch_of(schedule: StackSchedule) -> StackWatch | None:
    """Give what the runs of this schedule say of its stack; None before the first of them was judged."""
    watch: StackWatch | None = getattr(schedule.stack, "watch", None)
    return watch if watch and watch.of_schedule == schedule.pk else None


def visible_timeline(incident: Incident, user: User) -> QuerySet[TimelineEntry]:
    """Give an incident's history; a reporter does not see entries that tell of other people's reports.

    Nor who did what for them: `disclosure.actor_for` says what a person reads.
    """
    entries = TimelineEntry.objects.filter(incident=incident).order_by("occurred_at", "id")
    if sees_everything(user.roles):
        return entries
    report_id = Cast(KeyTextTransform("report", OuterRef("data")), BigIntegerField())
    own = BugReport.objects.filter(pk=report_id, reporter=user)
    return entries.filter(~Q(data__has_key="report") | Exists(own))

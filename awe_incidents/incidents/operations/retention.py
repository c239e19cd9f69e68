"""Forget what a stack's retention does not keep: reports, results and evidence; incidents, histories and trail stay.

The rows are removed by functions of the owner, which look for themselves whether the time is up (`removal`). Each batch
is one transaction with its lines in the histories and its entry in the trail, so it may be repeated and interrupted.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from awe_incidents.actor import service
from awe_incidents.audit import trail
from awe_incidents.growth import contents
from awe_incidents.incidents.models import (
    Attachment,
    AttachmentContent,
    BugReport,
    Incident,
    IncidentRun,
    RemovedReport,
    TimelineEntry,
)
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import Line, history_of
from awe_incidents.incidents.states import WAITING
from diagnostics.models import EvidenceText, Run, Stack
from diagnostics.queries import config_of
from diagnostics.stack import Schedule
from diagnostics.states import RunState

RETENTION = service("retention")
BATCH = 500  # runs, and reports, of one transaction
ROUND_SECONDS = 30.0
KEPT_WITHOUT_SCHEDULE = Schedule(every_minutes=1)  # what runs of a schedule that was taken away are kept by
Rows = Sequence[Mapping[str, Any]]  # as the functions of the owner give them


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was removed."""

    runs: int = 0
    results: int = 0
    evidence: int = 0
    reports: int = 0
    attachments: int = 0

    def __add__(self, other: Removed) -> Removed:
        """Add up."""
        return Removed(*(getattr(self, name) + getattr(other, name) for name in asdict(self)))

    def __bool__(self) -> bool:
        """Say whether it was anything."""
        return any(asdict(self).values())


def apply_retention(*, at: datetime, for_seconds: float = ROUND_SECONDS) -> Removed:
    """Remove what no stack's retention keeps any more, for so long at most; the next round goes on."""
    until, total = time.monotonic() + for_seconds, Removed()
    stacks = list(Stack.objects.all())
    random.shuffle(stacks)  # the one with most to forget must not keep the others waiting, round after round
    for stack in stacks:
        while done := remove_batch(stack=stack, at=at):
            total += done
            if time.monotonic() > until:
                return total
    return total


@transaction.atomic
def remove_batch(*, stack: Stack, at: datetime) -> Removed:
    """Remove the oldest results and reports that a stack's retention does not keep, a batch of each.

    Incidents are locked first and the functions look again, so what belongs to one that is reopened meanwhile stays.
    """
    config = config_of(stack)
    days, scheduled_days = config.retention.days, (config.schedule or KEPT_WITHOUT_SCHEDULE).keep_days
    before = at - timedelta(days=days)
    runs = list(_due_runs(stack, before, scheduled_before=at - timedelta(days=min(days, scheduled_days))))
    reports = list(_due_reports(stack, before))
    if not runs and not reports:
        return Removed()
    _lock_incidents(runs, reports)
    from_runs, from_reports = _remove_results(runs), _remove_reports(reports)
    files = _remove_attachments(from_reports)
    removed = Removed(
        runs=len(from_runs),
        results=sum(row["results"] for row in from_runs),
        evidence=sum(row["evidence"] for row in from_runs),
        reports=len(from_reports),
        attachments=files,
    )
    if not removed:
        return removed
    contents.remove_unreferenced(EvidenceText, {text for row in from_runs for text in row["texts"]})
    _say_so(from_runs, from_reports, days=days, at=at)
    data = {**asdict(removed), "days": days, "before": trail.moment(before), "digest": _digest(from_runs, from_reports)}
    trail.record("retention:applied", subject=stack, by=RETENTION, at=at, data=data)
    return removed


def _due_runs(stack: Stack, before: datetime, *, scheduled_before: datetime) -> Iterable[int]:
    is_of_nobody = Q(~Exists(IncidentRun.objects.filter(run=OuterRef("pk"))), is_scheduled=True)
    runs = Run.objects.filter(stack=stack, state=RunState.FINISHED, results_removed_at=None)
    runs = runs.filter(is_of_nobody | Q(finished_at__lt=before), finished_at__lt=scheduled_before)  # the later of both
    held = IncidentRun.objects.filter(incident__state__in=WAITING)
    return runs.exclude(incident_runs__in=held).order_by("finished_at").values_list("pk", flat=True)[:BATCH]


def _due_reports(stack: Stack, before: datetime) -> Iterable[int]:
    reports = BugReport.objects.filter(stack=stack, filed_at__lt=before)
    settled = reports.exclude(incident__state__in=WAITING).exclude(current__revised_at__gte=before)
    return settled.order_by("filed_at").values_list("pk", flat=True)[:BATCH]


def _lock_incidents(runs: Sequence[int], reports: Sequence[int]) -> None:
    concerned = set(IncidentRun.objects.filter(run__in=runs).values_list("incident_id", flat=True))
    concerned |= set(BugReport.objects.filter(pk__in=reports).values_list("incident_id", flat=True))
    locked = Incident.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=concerned)
    list(locked.order_by("pk").values_list("pk", flat=True))


def _remove_results(runs: Sequence[int]) -> Rows:
    return _called("SELECT run, results, evidence, texts FROM remove_results(%s)", runs)


def _remove_reports(reports: Sequence[int]) -> Rows:
    return _called("SELECT id, incident_id, reporter_id, filed_at FROM remove_reports(%s)", reports)


def _called(query: str, ids: Sequence[int]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(query, [list(ids)])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _remove_attachments(reports: Rows) -> int:
    attachments = Attachment.objects.filter(report__in=[row["id"] for row in reports])
    digests = set(attachments.exclude(content=None).values_list("content_id", flat=True))
    number = attachments.count()
    attachments.delete()
    contents.remove_unreferenced(AttachmentContent, digests)
    return number


def _say_so(runs: Rows, reports: Rows, *, days: int, at: datetime) -> None:
    """Let runs, incidents and histories say that something is not there any more, and since when."""
    Run.objects.filter(pk__in=[row["run"] for row in runs]).update(results_removed_at=at)
    Incident.objects.filter(pk__in={row["incident_id"] for row in reports}).update(reports_removed_at=at)
    RemovedReport.objects.bulk_create(RemovedReport(**row, removed_at=at) for row in reports)
    leading.forget({row["id"]: row["incident_id"] for row in reports})
    kept = f"removed by retention, which keeps them for {days} days"
    lines: list[tuple[int, Line]] = [
        (row["incident_id"], ("removed", f"Bug report {row['id']} {kept}", {"report": row["id"]})) for row in reports
    ]
    links = IncidentRun.objects.filter(run__in=[row["run"] for row in runs]).values_list("incident_id", "run_id")
    lines += [(incident, ("removed", f"Results of run {run} {kept}", {"run": run})) for incident, run in links]
    TimelineEntry.objects.bulk_create(
        entry
        for incident_id, line in lines
        for entry in history_of(Incident(pk=incident_id), by=RETENTION, at=at, lines=[line])
    )


def _digest(runs: Rows, reports: Rows) -> str:
    """Give the SHA-256 over the numbers of what was removed, so that the entry says of which rows it tells."""
    numbers = {"runs": sorted(row["run"] for row in runs), "reports": sorted(row["id"] for row in reports)}
    return hashlib.sha256(rfc8785.dumps(numbers)).hexdigest()

"""Move a bug report to another incident of its stack, or to a new one, where joining or its reporter was wrong."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.errors import NothingChanged, OtherStack, ReasonRequired
from awe_incidents.incidents.models import BugReport, Incident, IncidentRun, TimelineEntry
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.operations.holding import held_report
from awe_incidents.incidents.operations.suggesting import suggest
from diagnostics.models import Run


@transaction.atomic
def move_bug_report(
    *,
    report: BugReport,
    to: Incident | None,
    user: User,
    by: Actor,
    at: datetime,
    because: str,
    version: int | None = None,
) -> BugReport:
    """Move a report, with its run, to another incident, or to one that is opened for it where `to` is None.

    An incident that is left without a report stays, and its history says so. Gives the report as it is now.
    Raises: RoleRequired, ReasonRequired, StaleVersion, OtherStack, NothingChanged.
    """
    policies.check_may_triage(user)
    if not because.strip():
        raise ReasonRequired("say why you move the bug report")
    report = held_report(report, version=version)
    _check_goal(report, to)
    because = reports.cleaned_text(because, stack=report.stack)
    opened = None if to else _opened_for(report, at=at)
    run = _held_run(report)
    run_id = run.pk if run else None
    source, target = _locked_incidents(report.incident_id, (opened or to or report.incident).pk)
    BugReport.objects.filter(pk=report.pk).update(incident=target, moves=F("moves") + 1)
    Incident.objects.filter(pk__in=[source.pk, target.pk]).update(changed_at=at, version=F("version") + 1)
    leading.move_words(report, source=source, target=target)
    if run:
        IncidentRun.objects.get_or_create(incident=target, run=run)
    is_empty = not source.reports.exists()
    if is_empty:
        leading.keep_title(source)
    about: dict[str, object] = {"report": report.pk, **({"run": run_id} if run_id else {})}
    away = f"Bug report {report.pk} moved to incident {target.pk}: {because}"
    here = f"Bug report {report.pk} moved here from incident {source.pk}: {because}"
    left: list[Line] = [("report_moved_away", away, {**about, "incident": target.pk})]
    left += [("emptied", "No bug report is left on this incident", {})] if is_empty else []
    begun: list[Line] = [("opened", "Incident opened", {})] if opened else []
    write_history(source, by=by, at=at, lines=left)
    write_history(target, by=by, at=at, lines=[*begun, ("report_moved_here", here, {**about, "incident": source.pk})])
    if opened:
        about_it = {"stack": report.stack_id, "report": report.pk}
        trail.record("incident:opened", subject=opened, by=by, at=at, incident_id=opened.pk, data=about_it)
    if run:
        suggest(run=run, incidents=[target.pk], at=at)
    goal = {"from": source.pk, "to": target.pk}
    trail.record("bug_report:moved", subject=report, by=by, at=at, because=because, incident_id=target.pk, data=goal)
    return BugReport.objects.select_related("stack", "reporter", "incident", "current").get(pk=report.pk)


def _check_goal(report: BugReport, to: Incident | None) -> None:
    if to is not None and to.stack_id != report.stack_id:
        raise OtherStack(f"incident {to.pk} is of another stack; a bug report stays with the stack it is about")
    if to is not None and to.pk == report.incident_id:
        raise NothingChanged(f"bug report {report.pk} is on incident {to.pk} already")


def _opened_for(report: BugReport, *, at: datetime) -> Incident:
    """Open an incident that bears the report's words, and so is its reporter's."""
    title = reports.title_of(reports.template_of(report.latest))
    return Incident.objects.create(
        stack=report.stack, title=title, opened_by=report.reporter, opened_at=at, changed_at=at
    )


def _locked_incidents(source_id: int, target_id: int) -> tuple[Incident, Incident]:
    """Lock both in the order of their ids, as everybody who locks two does."""
    rows = Incident.objects.select_for_update(of=("self",)).filter(pk__in=[source_id, target_id]).order_by("pk")
    found = {row.pk: row for row in rows}
    return found[source_id], found[target_id]


def _held_run(report: BugReport) -> Run | None:
    """Hold the run of a report before its incidents, as a run that finishes does: it finishes before or behind us."""
    run_id = _run_of(report)
    return Run.objects.select_for_update(no_key=True, of=("self",)).get(pk=run_id) if run_id else None


def _run_of(report: BugReport) -> int | None:
    """Give the run that was queued or waited for the report, as the line says with which it came to its incident."""
    came = TimelineEntry.objects.filter(incident=report.incident_id, data__report=report.pk, data__has_key="run")
    data = came.order_by("-id").values_list("data", flat=True).first()
    return int(data["run"]) if data else None

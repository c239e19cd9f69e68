"""Revise a bug report: what was filed stays, and what it says from now on is written beside it, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.db.models import F

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.errors import NothingChanged, TooManyRevisions
from awe_incidents.incidents.models import BugReport, Incident, ReportRevision
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.operations.holding import held_report
from awe_incidents.incidents.template import SECTIONS, TemplateFields

MAX_REVISIONS = 100  # a report that needs more is another report; its page shows them all


@transaction.atomic
def revise_bug_report(
    *,
    report: BugReport,
    changes: Mapping[str, str],
    user: User,
    by: Actor,
    at: datetime,
    because: str = "",
    version: int | None = None,
) -> BugReport:
    """Let a report say something else in some of its fields; gives it as it is now.

    Raises: RoleRequired, StaleVersion, ReportInvalid, NothingChanged, TooManyRevisions.
    """
    policies.check_may_revise(user, report)
    report = held_report(report, version=version)
    if report.revision >= MAX_REVISIONS:
        raise TooManyRevisions(f"a bug report has at most {MAX_REVISIONS} revisions; file a new one")
    before, clean = reports.template_of(report.latest), reports.corrected(changes, report=report)
    changed = _differing(before, clean.said)
    if not changed:
        raise NothingChanged("the bug report says exactly this already; send what shall change")
    because = reports.cleaned_text(because, stack=report.stack)
    made = {"author": user, "because": because, "changed": changed, "revised_at": at}
    revision = ReportRevision.objects.create(report=report, number=report.revision + 1, **made, **clean.columns)
    report.current, report.completeness = revision, clean.verdict.completeness
    report.save(update_fields=["current", "completeness"])
    leading.say_anew(report, clean.said)
    _rename_incident(report, before=reports.title_of(before), now=reports.title_of(clean.said), at=at)
    write_history(report.incident, by=by, at=at, lines=[_revised(revision)])
    trail.record(
        "bug_report:revised",
        subject=report,
        by=by,
        at=at,
        because=because,
        incident_id=report.incident_id,
        data={"revision": revision.number, "changed": changed, "sha256": clean.sha256, "redacted": clean.removed},
    )
    return report


def _differing(before: TemplateFields, now: TemplateFields) -> list[str]:
    said, says = asdict(before), asdict(now)
    return [name for name in SECTIONS if said[name] != says[name]]


def _rename_incident(report: BugReport, *, before: str, now: str, at: datetime) -> None:
    """Let an incident that bears the report's first line bear the new one: that is how it is found.

    Only where that reporter opened it: another's report may begin with the same line, and is not for the opener.
    """
    if before != now:
        bearing = Incident.objects.filter(pk=report.incident_id, title=before, opened_by=report.reporter_id)
        bearing.update(title=now, changed_at=at, version=F("version") + 1)


def _revised(revision: ReportRevision) -> Line:
    labels = ", ".join(SECTIONS[name].label.lower() for name in revision.changed)
    reason = f": {revision.because}" if revision.because else ""
    about: dict[str, object] = {"report": revision.report_id, "revision": revision.number}
    return "report_revised", f"Bug report {revision.report_id} revised ({labels}){reason}", about

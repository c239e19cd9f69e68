"""File a bug report: one transaction for report, incident, history, trail and the run that looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.trail import Fact
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.attachments import Upload, cleaned_files
from awe_incidents.incidents.models import Attachment, BugReport, Incident, IncidentRun
from awe_incidents.incidents.operations.attaching import facts_of, keep_attachments, new_attachments, with_files
from awe_incidents.incidents.operations.history import Line, history_of, run_requested
from awe_incidents.rows import insert_together, reserve_ids
from diagnostics import queue
from diagnostics.models import Run, Stack
from diagnostics.operations import new_run

FILING_SUITE = "full"


@transaction.atomic(savepoint=False)  # who has a transaction open loses all of it when filing is refused
def file_bug_report(
    *,
    stack: Stack,
    fields: Mapping[str, str],
    reporter: User,
    by: Actor,
    at: datetime,
    uploads: Sequence[Upload] = (),
) -> tuple[BugReport, Run]:
    """File the documented template with its files: open an incident, write its history and the trail, queue a run.

    What is stored is redacted, pasted logs above all. Raises: ReportInvalid, RoleRequired.
    """
    policies.check_may_file(reporter)
    clean = reports.cleaned(fields, stack=stack)
    files = cleaned_files(uploads, stack=stack)
    incident_id, report_id, run_id, *file_ids = reserve_ids(Incident, BugReport, Run, *[Attachment] * len(files))
    title = reports.title_of(clean.said)
    incident = Incident(pk=incident_id, stack=stack, title=title, opened_by=reporter, opened_at=at, changed_at=at)
    report = BugReport(pk=report_id, incident=incident, stack=stack, reporter=reporter, filed_at=at, **clean.columns)
    run = new_run(run_id=run_id, stack=stack, suite_name=FILING_SUITE, reason=f"bug report {report_id}", at=at)
    attachments = new_attachments(report=report, files=files, ids=file_ids, at=at)
    lines: list[Line] = [
        ("opened", "Incident opened", {}),
        ("report_filed", f"Bug report {report_id} filed{with_files(files)}", {"report": report_id}),
        run_requested(run),
    ]
    history = history_of(incident, by=by, at=at, lines=lines)
    insert_together([incident, report, run, IncidentRun(incident=incident, run=run), *history])
    keep_attachments(attachments, files, at=at)
    queue.ring_run(run_id)
    filed = {"stack": stack.pk, "sha256": clean.sha256, "redacted": clean.removed}
    opened = {"stack": stack.pk, "report": report.pk}
    facts = [
        Fact(verb=verb, subject=subject, by=by, at=at, incident_id=incident.pk, data=data)
        for verb, subject, data in (
            ("bug_report:filed", report, filed),
            ("incident:opened", incident, opened),
            ("run:requested", run, {"suite": run.suite}),
        )
    ]
    trail.record_all(facts + facts_of(attachments, files, by=by, at=at, incident_id=incident.pk))
    return report, run

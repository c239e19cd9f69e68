"""File a bug report: one transaction for report, incident, history, trail and the run that looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import models, transaction
from django.db.models.functions import Now

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.trail import Fact
from awe_incidents.incidents import policies, reports, vectors
from awe_incidents.incidents.attachments import CleanFile, Upload, cleaned_files
from awe_incidents.incidents.likeness import MAX_WHY, Likeness
from awe_incidents.incidents.models import Attachment, BugReport, Incident, IncidentRun, IncidentWords, ReportPrefill
from awe_incidents.incidents.operations.attaching import facts_of, keep_attachments, new_attachments, with_files
from awe_incidents.incidents.operations.history import Line, history_of, run_requested
from awe_incidents.incidents.operations.joining import Joining, reserve_and_decide
from awe_incidents.incidents.queue import ring_prefill_of_filed
from awe_incidents.rows import insert_together, reserve_ids
from diagnostics import queue
from diagnostics.models import Run, Stack
from diagnostics.operations import new_run

FILING_SUITE = "full"


class Filed(NamedTuple):
    """A report, the run that looks for it, and how it resembles the incident that it joined, if it did."""

    report: BugReport
    run: Run
    likeness: Likeness | None


@transaction.atomic(savepoint=False)  # who has a transaction open loses all of it when filing is refused
def file_bug_report(
    *,
    stack: Stack,
    fields: Mapping[str, str],
    reporter: User,
    by: Actor,
    at: datetime,
    uploads: Sequence[Upload] = (),
    new_incident: bool = False,
    suite_name: str | None = None,
) -> Filed:
    """File the template with its files: join the open incident that it resembles or open one, and see that a run looks.

    A run of the joined incident that waits in line will look for this report too; else one is queued. What is stored is
    redacted, pasted logs above all. With `new_incident` nothing is joined. Raises: ReportInvalid, RoleRequired.
    """
    policies.check_may_file(reporter)
    suite_name = suite_name or FILING_SUITE
    clean = reports.cleaned(fields, stack=stack)
    files = cleaned_files(uploads, stack=stack)
    profile = vectors.profile_of_report(clean.said)
    kinds = (Incident, BugReport, Run, *[Attachment] * len(files))
    (incident_id, report_id, run_id, *file_ids), joining = (
        (reserve_ids(*kinds), None)
        if new_incident
        else reserve_and_decide(*kinds, stack=stack, profile=profile, suite=suite_name)
    )
    title = reports.title_of(clean.said)
    opened = Incident(pk=incident_id, stack=stack, title=title, opened_by=reporter, opened_at=at, changed_at=at)
    incident = joining.incident if joining else opened
    report = BugReport(pk=report_id, incident=incident, stack=stack, reporter=reporter, filed_at=at, **clean.columns)
    queued = new_run(run_id=run_id, stack=stack, suite_name=suite_name, reason=f"bug report {report_id}", at=at)
    filing = Filing(report, files, joining, run=(joining and joining.waiting) or queued, by=by, at=at)
    attachments = new_attachments(report=report, files=files, ids=file_ids, at=at)
    words = IncidentWords(
        incident=incident,
        report_id=report_id,
        stack=stack,
        person=reporter,
        opened_at=incident.opened_at,
        is_lead=joining is None,
        words=vectors.vector_of(clean.said, profile, stack_id=stack.pk),
    )
    facts = filing.facts({"stack": stack.pk, "sha256": clean.sha256, "redacted": clean.removed})
    facts_of_files = facts_of(attachments, files, of={"report": report_id}, by=by, at=at, incident_id=incident.pk)
    insert_together([*filing.rows(), words])
    trail.record_all([*facts, *facts_of_files])
    keep_attachments(attachments, files, at=at)
    filing.ring()
    return Filed(report, filing.run, joining.likeness if joining else None)


@dataclass(frozen=True, slots=True)
class Filing:
    """What a report brings with it: rows, lines of the history, facts of the trail."""

    report: BugReport
    files: Sequence[CleanFile]
    joining: Joining | None
    run: Run
    by: Actor
    at: datetime

    @property
    def is_run_new(self) -> bool:
        """Say whether the run was queued for this report."""
        return not (self.joining and self.joining.waiting)

    def ring(self) -> None:
        """Ring for the prefill, and for the run if it is new."""
        ring_prefill_of_filed(self.report.pk, stack_id=self.report.stack_id)
        if self.is_run_new:
            queue.ring_run(self.run.pk)

    def rows(self) -> Iterator[models.Model]:
        """Give the rows in the order in which they refer to each other."""
        incident = self.report.incident
        if self.joining is None:
            yield incident
        yield from (self.report, ReportPrefill(report=self.report, rung_at=Now()))
        if self.is_run_new:
            yield from (self.run, IncidentRun(incident=incident, run=self.run))
        yield from history_of(incident, by=self.by, at=self.at, lines=self._lines())

    def _lines(self) -> list[Line]:
        about: dict[str, object] = {"report": self.report.pk, "run": self.run.pk}
        files = with_files(self.files)
        if self.joining is None:
            lines: list[Line] = [
                ("opened", "Incident opened", {}),
                ("report_filed", f"Bug report {self.report.pk} filed{files}", about),
            ]
        else:
            alike = self.joining.likeness
            about |= {"score": round(alike.score, 2), "words": list(alike.words[:MAX_WHY])}
            lines = [("report_joined", f"Bug report {self.report.pk} joined{files}", about)]
        return [*lines, run_requested(self.run)] if self.is_run_new else lines

    def facts(self, filed: Mapping[str, object]) -> Iterator[Fact]:
        """Give the facts, with what was found at filing."""
        stack, report, run = {"stack": self.report.stack_id}, self.report, self.run
        yield self._fact("bug_report:filed", report, filed)
        if self.joining is None:
            yield self._fact("incident:opened", report.incident, {**stack, "report": report.pk})
        else:
            yield self._fact(
                "bug_report:joined", report, {**stack, "percent": round(self.joining.likeness.score * 100)}
            )
        if self.is_run_new:
            yield self._fact("run:requested", run, {"suite": run.suite})

    def _fact(self, verb: str, subject: models.Model, data: Mapping[str, object]) -> Fact:
        return Fact(verb=verb, subject=subject, by=self.by, at=self.at, incident_id=self.report.incident_id, data=data)

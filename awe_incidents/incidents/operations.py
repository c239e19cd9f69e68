"""Changes of incidents: file a report, open, ask for a run, classify, move along the states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.trail import Fact
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.errors import ReasonRequired, StaleVersion, TransitionNotAllowed
from awe_incidents.incidents.models import BugReport, Incident, IncidentRun, TimelineEntry
from awe_incidents.incidents.states import TRANSITIONS, Category, IncidentState, Severity
from awe_incidents.rows import insert_together, reserve_ids
from diagnostics import queue
from diagnostics.models import Run, Stack
from diagnostics.operations import new_run, request_run

FILING_SUITE = "full"

Line = tuple[str, str, dict[str, object]]  # of a timeline: kind, text, data


@transaction.atomic(savepoint=False)  # who has a transaction open loses all of it when filing is refused
def file_bug_report(
    *, stack: Stack, fields: Mapping[str, str], reporter: User, by: Actor, at: datetime
) -> tuple[BugReport, Run]:
    """File the documented template: open an incident, write its history and the trail, queue a run.

    What is stored is redacted, pasted logs above all. Raises: ReportInvalid, RoleRequired.
    """
    policies.check_may_file(reporter)
    clean = reports.cleaned(fields, stack=stack)
    incident_id, report_id, run_id = reserve_ids(Incident, BugReport, Run)
    title = reports.title_of(clean.fields)
    incident = Incident(pk=incident_id, stack=stack, title=title, opened_by=reporter, opened_at=at, changed_at=at)
    kept = {**clean.fields, "redactions": clean.receipt, "filed_at": at}
    report = BugReport(pk=report_id, incident=incident, stack=stack, reporter=reporter, **kept)
    run = new_run(run_id=run_id, stack=stack, suite_name=FILING_SUITE, reason=f"bug report {report_id}", at=at)
    lines: list[Line] = [
        ("opened", "Incident opened", {}),
        ("report_filed", f"Bug report {report_id} filed", {"report": report_id}),
        _run_requested(run),
    ]
    history = _history(incident, by=by, at=at, lines=lines)
    insert_together([incident, report, run, IncidentRun(incident=incident, run=run), *history])
    queue.ring_run(run_id)
    filed = {"stack": stack.pk, "sha256": clean.sha256, "redacted": clean.removed}
    opened = {"stack": stack.pk, "report": report.pk}
    trail.record_all(
        Fact(verb=verb, subject=subject, by=by, at=at, incident_id=incident.pk, data=data)
        for verb, subject, data in (
            ("bug_report:filed", report, filed),
            ("incident:opened", incident, opened),
            ("run:requested", run, {"suite": run.suite}),
        )
    )
    return report, run


@transaction.atomic
def open_incident(*, stack: Stack, title: str, user: User, by: Actor, at: datetime) -> Incident:
    """Open an incident without a bug report, as an operator does for what they see themselves.

    Raises: RoleRequired, ReportInvalid.
    """
    policies.check_may_triage(user)
    incident = Incident.objects.create(
        stack=stack, title=reports.cleaned_title(title, stack=stack), opened_by=user, opened_at=at, changed_at=at
    )
    _write_history(incident, by=by, at=at, lines=[("opened", "Incident opened", {})])
    trail.record("incident:opened", subject=incident, by=by, at=at, incident_id=incident.pk, data={"stack": stack.pk})
    return incident


@transaction.atomic
def request_incident_run(*, incident: Incident, suite_name: str, user: User, by: Actor, at: datetime) -> Run:
    """Look at the incident's stack again.

    Raises: RoleRequired, UnknownSuite.
    """
    policies.check_may_triage(user)
    run = _request_run(incident, suite_name=suite_name, reason=f"incident {incident.pk}", at=at)
    _write_history(incident, by=by, at=at, lines=[_run_requested(run)])
    trail.record("run:requested", subject=run, by=by, at=at, incident_id=incident.pk, data={"suite": run.suite})
    return run


def _request_run(incident: Incident, *, suite_name: str, reason: str, at: datetime) -> Run:
    run = request_run(stack=incident.stack, suite_name=suite_name, reason=reason, at=at)
    IncidentRun.objects.create(incident=incident, run=run)
    return run


@transaction.atomic
def move_incident(
    *,
    incident: Incident,
    action: str,
    user: User,
    by: Actor,
    at: datetime,
    because: str = "",
    version: int | None = None,
) -> Incident:
    """Take one step of the table in `states.py`: acknowledge, resolve, reopen or close.

    Raises: RoleRequired, TransitionNotAllowed, ReasonRequired, StaleVersion.
    """
    policies.check_may_triage(user)
    transition = TRANSITIONS[action]
    incident = _locked(incident, version=version)
    source = IncidentState(incident.state)
    if source not in transition.sources:
        allowed = [name for name, one in TRANSITIONS.items() if source in one.sources]
        raise TransitionNotAllowed(
            f"incident {incident.pk} is {source}; from there one can {' or '.join(allowed)}, not {action}"
        )
    if transition.needs_reason and not because.strip():
        raise ReasonRequired(f"say why you {action} the incident")
    because = reports.cleaned_text(because, stack=incident.stack)
    Incident.objects.filter(pk=incident.pk).update(state=transition.target, changed_at=at, version=F("version") + 1)
    _write_history(
        incident,
        by=by,
        at=at,
        lines=[(transition.target, because or transition.verb.partition(":")[2].capitalize(), {"from": source})],
    )
    trail.record(
        transition.verb,
        subject=incident,
        by=by,
        at=at,
        because=because,
        incident_id=incident.pk,
        data={"from": source, "to": transition.target},
    )
    incident.refresh_from_db()
    return incident


@transaction.atomic
def classify_incident(
    *,
    incident: Incident,
    severity: Severity | None,
    category: Category | None,
    user: User,
    by: Actor,
    at: datetime,
    because: str = "",
    version: int | None = None,
) -> Incident:
    """Say how bad the incident is and what it is about; None takes the word back. The same again records nothing.

    Raises: RoleRequired, StaleVersion.
    """
    policies.check_may_triage(user)
    incident = _locked(incident, version=version)
    before = {"severity": incident.severity, "category": incident.category}
    after = {"severity": severity or "", "category": category or ""}
    if before == after:
        return incident
    because = reports.cleaned_text(because, stack=incident.stack)
    Incident.objects.filter(pk=incident.pk).update(**after, changed_at=at, version=F("version") + 1)
    changes = ", ".join(f"{name} {after[name] or 'not set'}" for name in after if after[name] != before[name])
    text = f"Now {changes}: {because}" if because else f"Now {changes}"
    _write_history(incident, by=by, at=at, lines=[("classified", text, {"from": before, "to": after})])
    trail.record(
        "incident:classified",
        subject=incident,
        by=by,
        at=at,
        because=because,
        incident_id=incident.pk,
        data={"from": before, "to": after},
    )
    incident.refresh_from_db()
    return incident


def _locked(incident: Incident, *, version: int | None) -> Incident:
    """Give the incident as it is now, locked: decide on what is, not on what was read."""
    incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    if version is not None and incident.version != version:
        raise StaleVersion(f"incident {incident.pk} is at version {incident.version}, not {version}; read it again")
    return incident


@transaction.atomic
def note_run_finished(*, run: Run, at: datetime) -> None:
    """Write a finished run into the history of the incidents that it was made for."""
    counts = ", ".join(f"{number} {state}" for state, number in sorted(run.counts.items()))
    TimelineEntry.objects.bulk_create(
        TimelineEntry(
            incident_id=incident_id,
            kind="run_finished",
            text=f"Run {run.pk} finished: {counts}",
            actor="service:worker",
            data={"run": run.pk, "counts": run.counts},
            occurred_at=at,
        )
        for incident_id in run.incident_runs.values_list("incident_id", flat=True)
    )


def _write_history(incident: Incident, *, by: Actor, at: datetime, lines: list[Line]) -> None:
    TimelineEntry.objects.bulk_create(_history(incident, by=by, at=at, lines=lines))


def _history(incident: Incident, *, by: Actor, at: datetime, lines: list[Line]) -> list[TimelineEntry]:
    return [
        TimelineEntry(incident=incident, kind=kind, text=text, actor=str(by), data=data, occurred_at=at)
        for kind, text, data in lines
    ]


def _run_requested(run: Run) -> Line:
    return "run_requested", f"Run {run.pk} requested", {"run": run.pk, "suite": run.suite}

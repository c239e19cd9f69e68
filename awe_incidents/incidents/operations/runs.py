"""Runs of an incident: ask for one, and note how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents import policies
from awe_incidents.incidents.errors import NothingFailed
from awe_incidents.incidents.failures import to_look_again
from awe_incidents.incidents.models import Incident, IncidentRun, TimelineEntry
from awe_incidents.incidents.operations.history import run_requested, write_history
from awe_incidents.incidents.operations.suggesting import suggest
from diagnostics.models import Run
from diagnostics.operations import request_run
from diagnostics.queries import diagnosis_of


@transaction.atomic
def request_incident_run(*, incident: Incident, suite_name: str, user: User, by: Actor, at: datetime) -> Run:
    """Look at the incident's stack again.

    Raises: RoleRequired, UnknownSuite.
    """
    policies.check_may_triage(user)
    run = _request_run(incident, suite_name=suite_name, reason=f"incident {incident.pk}", at=at)
    write_history(incident, by=by, at=at, lines=[run_requested(run)])
    trail.record("run:requested", subject=run, by=by, at=at, incident_id=incident.pk, data={"suite": run.suite})
    return run


@transaction.atomic
def recheck_incident(*, incident: Incident, user: User, by: Actor, at: datetime) -> Run:
    """Look again with the checks that failed and have not passed since.

    Raises: RoleRequired, NothingFailed.
    """
    policies.check_may_triage(user)
    rows = to_look_again(incident)
    if not rows:
        raise NothingFailed(f"no check of incident {incident.pk} has failed without passing since")
    return request_recheck(incident=incident, checks=[row.slug for row in rows], by=by, at=at)


def request_recheck(*, incident: Incident, checks: Sequence[str], by: Actor, at: datetime) -> Run:
    """Queue a run of the incident with these checks alone, in the caller's transaction."""
    run = _request_run(incident, suite_name="full", reason=f"incident {incident.pk}, again", at=at, checks=checks)
    write_history(incident, by=by, at=at, lines=[run_requested(run)])
    data = {"suite": run.suite, "checks": run.checks}
    trail.record("run:requested", subject=run, by=by, at=at, incident_id=incident.pk, data=data)
    return run


def _request_run(incident: Incident, *, suite_name: str, reason: str, at: datetime, checks: Sequence[str] = ()) -> Run:
    run = request_run(stack=incident.stack, suite_name=suite_name, reason=reason, at=at, checks=checks)
    IncidentRun.objects.create(incident=incident, run=run)
    return run


@transaction.atomic
def note_run_finished(*, run: Run, at: datetime) -> None:
    """Write a finished run into the history of the incidents that it was made for, and let it suggest something."""
    incidents = list(run.incident_runs.values_list("incident_id", flat=True))
    counts = ", ".join(f"{number} {state}" for state, number in sorted(run.counts.items()))
    cause = _likeliest_cause(run)
    text = f"Run {run.pk} finished: {counts}" + (f". Likeliest cause: {cause['sentence']}" if cause else "")
    TimelineEntry.objects.bulk_create(
        TimelineEntry(
            incident_id=incident_id,
            kind="run_finished",
            text=text,
            actor="service:worker",
            data={"run": run.pk, "counts": run.counts, "cause": cause["code"] if cause else ""},
            occurred_at=at,
        )
        for incident_id in incidents
    )
    suggest(run=run, incidents=incidents, at=at)


def _likeliest_cause(run: Run) -> Mapping[str, Any] | None:
    document = diagnosis_of(run)
    return document["causes"][0] if document and document["causes"] else None

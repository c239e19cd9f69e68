"""Triage steps: open an incident, move it along the states, say how bad it is and what it is about."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.errors import ReasonRequired, StaleVersion, TransitionNotAllowed
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.incidents.states import TRANSITIONS, WAITING, Category, IncidentState, Severity
from diagnostics.models import Stack


@transaction.atomic
def open_incident(*, stack: Stack, title: str, user: User, by: Actor, at: datetime) -> Incident:
    """Open an incident without a bug report, as an operator does for what they see themselves.

    Raises: RoleRequired, ReportInvalid.
    """
    policies.check_may_triage(user)
    incident = Incident.objects.create(
        stack=stack, title=reports.cleaned_title(title, stack=stack), opened_by=user, opened_at=at, changed_at=at
    )
    leading.add_title(incident)
    write_history(incident, by=by, at=at, lines=[("opened", "Incident opened", {})])
    trail.record("incident:opened", subject=incident, by=by, at=at, incident_id=incident.pk, data={"stack": stack.pk})
    return incident


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
    leading.settle(incident.pk, is_waiting=transition.target in WAITING)
    write_history(
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
    write_history(incident, by=by, at=at, lines=[("classified", text, {"from": before, "to": after})])
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

"""Triage steps: open an incident, move it along the states, say how bad it is and what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.db.models import F

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents import policies, reports
from awe_incidents.incidents.errors import (
    ChecksNotPassed,
    NothingSuggested,
    ReasonRequired,
    StaleVersion,
    TransitionNotAllowed,
)
from awe_incidents.incidents.failures import failures_of
from awe_incidents.incidents.models import Incident, IncidentDiagnosis
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.states import (
    TRANSITIONS,
    WAITING,
    Category,
    ClassificationSource,
    Severity,
    Transition,
)
from awe_incidents.incidents.suggestions import CLASSIFIED, sources_of
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
    despite_failed_checks: str = "",
    version: int | None = None,
) -> Incident:
    """Take one step of the table in `states.py`: acknowledge, resolve, reopen or close.

    `despite_failed_checks` says why it is resolved though checks that failed have not passed since.
    Raises: RoleRequired, TransitionNotAllowed, ReasonRequired, StaleVersion, ChecksNotPassed.
    """
    policies.check_may_triage(user)
    transition = TRANSITIONS[action]
    incident = _locked(incident, version=version)
    if incident.state not in transition.sources:
        allowed = [name for name, one in TRANSITIONS.items() if incident.state in one.sources]
        raise TransitionNotAllowed(
            f"incident {incident.pk} is {incident.state}; from there one can {' or '.join(allowed)}, not {action}"
        )
    if transition.needs_reason and not because.strip():
        raise ReasonRequired(f"say why you {action} the incident")
    failed = [row.slug for row in failures_of(incident)] if transition.needs_checks else []
    if failed and not despite_failed_checks.strip():
        raise ChecksNotPassed(
            f"{', '.join(failed)} failed and did not pass since; look again with them, or say why it goes without"
        )
    despite = reports.cleaned_text(despite_failed_checks, stack=incident.stack) if failed else ""
    _step(incident, transition, by=by, at=at, because=because, failed=failed, despite=despite)
    return incident


@transaction.atomic
def resolve_mended(*, incident: Incident, by: Actor, at: datetime, because: str) -> bool:
    """Resolve a waiting incident whose failed checks have all passed since; say whether this did."""
    incident = _locked(incident, version=None)
    if incident.state not in TRANSITIONS["resolve"].sources or failures_of(incident):
        return False
    _step(incident, TRANSITIONS["resolve"], by=by, at=at, because=because)
    return True


def _step(
    incident: Incident,
    transition: Transition,
    *,
    by: Actor,
    at: datetime,
    because: str,
    failed: Sequence[str] = (),
    despite: str = "",
) -> None:
    source = incident.state
    because = reports.cleaned_text(because, stack=incident.stack)
    Incident.objects.filter(pk=incident.pk).update(state=transition.target, changed_at=at, version=F("version") + 1)
    leading.settle(incident.pk, is_waiting=transition.target in WAITING)
    said = because or transition.verb.partition(":")[2].capitalize()
    lines: list[Line] = [(transition.target, said, {"from": source})]
    data: dict[str, object] = {"from": source, "to": transition.target}
    if failed:
        text = f"Though {', '.join(failed)} failed and did not pass since: {despite}"
        lines.append(("despite_failed_checks", text, {"checks": list(failed)}))
        data["not_passed"] = list(failed)
    write_history(incident, by=by, at=at, lines=lines)
    trail.record(
        transition.verb,
        subject=incident,
        by=by,
        at=at,
        because=because,
        incident_id=incident.pk,
        data=data,
        private={"despite_failed_checks": despite},
    )
    incident.refresh_from_db()


@transaction.atomic
def classify_incident(
    *,
    incident: Incident,
    user: User,
    by: Actor,
    at: datetime,
    severity: Severity | Literal[""] | None = None,
    category: Category | Literal[""] | None = None,
    because: str = "",
    version: int | None = None,
) -> Incident:
    """Say how bad the incident is and what it is about; "" takes a word back, None leaves it as it is.

    What is said is a person's from now on, and no run changes it. The same again records nothing.
    Raises: RoleRequired, StaleVersion.
    """
    policies.check_may_triage(user)
    incident = _locked(incident, version=version)
    said = {name: word for name, word in zip(CLASSIFIED, (severity, category), strict=True) if word is not None}
    return _say(incident, said, by=by, at=at, because=because)


@transaction.atomic
def accept_suggestion(
    *,
    incident: Incident,
    run_id: int,
    user: User,
    by: Actor,
    at: datetime,
    because: str = "",
    version: int | None = None,
) -> Incident:
    """Say what a run suggests: its severity and category are a person's from now on. The same again records nothing.

    Raises: RoleRequired, StaleVersion (also where another run suggests something by now), NothingSuggested.
    """
    policies.check_may_triage(user)
    incident = _locked(incident, version=version)
    found = IncidentDiagnosis.objects.filter(incident=incident).exclude(cause="").first()
    if found is None:
        raise NothingSuggested(f"no run of incident {incident.pk} has found a cause, so nothing is suggested yet")
    if found.run_id != run_id:
        raise StaleVersion(f"for incident {incident.pk} run {found.run_id} suggests something by now; read it again")
    suggested = {name: getattr(found, name) for name in CLASSIFIED}
    return _say(incident, suggested, by=by, at=at, because=because, run_id=run_id)


def _say(
    incident: Incident, said: Mapping[str, str], *, by: Actor, at: datetime, because: str, run_id: int | None = None
) -> Incident:
    """Let words be a person's; `run_id` is the run that suggested them, where one did."""
    before = {name: getattr(incident, name) for name in CLASSIFIED}
    after = {**before, **said}
    sources = sources_of(incident)
    changed = [name for name in after if after[name] != before[name]]
    confirmed = [name for name in said if name not in changed and sources[name] == ClassificationSource.SERVICE]
    if not changed and not confirmed:
        return incident
    because = reports.cleaned_text(because, stack=incident.stack)
    theirs = dict.fromkeys((f"{name}_source" for name in [*changed, *confirmed]), ClassificationSource.PERSON)
    Incident.objects.filter(pk=incident.pk).update(**after, **theirs, changed_at=at, version=F("version") + 1)
    parts = [f"Now {_words(after, changed)}"] if changed else []
    parts += [f"Confirmed {_words(after, confirmed)}"] if confirmed else []
    text = "; ".join(parts) + (f", as run {run_id} suggests" if run_id else "") + (f": {because}" if because else "")
    data: dict[str, object] = {"from": before, "to": after, **({"run": run_id} if run_id else {})}
    write_history(incident, by=by, at=at, lines=[("classified", text, data)])
    trail.record(
        "incident:classified",
        subject=incident,
        by=by,
        at=at,
        because=because,
        incident_id=incident.pk,
        data=data,
    )
    incident.refresh_from_db()
    return incident


def _words(said: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {said[name] or 'not set'}" for name in names)


def _locked(incident: Incident, *, version: int | None) -> Incident:
    """Give the incident as it is now, locked: decide on what is, not on what was read."""
    incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    if version is not None and incident.version != version:
        raise StaleVersion(f"incident {incident.pk} is at version {incident.version}, not {version}; read it again")
    return incident

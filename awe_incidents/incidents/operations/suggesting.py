"""Take over into an incident what a finished run found: words where no person has said any, and what it is alike by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from awe_incidents.audit import trail
from awe_incidents.incidents.models import Incident, IncidentDiagnosis, IncidentSignature
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.incidents.states import ClassificationSource
from awe_incidents.incidents.suggestions import CLASSIFIED, sources_of
from diagnostics.diagnosis.diagnosis import Conclusion
from diagnostics.models import Diagnosis, Run
from diagnostics.operations.runs import WORKER

MAX_SUBJECT = 500
MAX_SIGNATURES = 50  # of an incident, over all its runs
FOUND_SOMETHING = (Conclusion.DIAGNOSED, Conclusion.INCONCLUSIVE)


@transaction.atomic
def suggest(*, run: Run, incidents: Iterable[int], at: datetime, cause: str = "") -> None:
    """Let a finished run suggest severity, category and actions for incidents, by number, that it was made for.

    By its likeliest cause, or by the `cause` of it, a slug, that an incident was opened for.

    What a person said stays. Of several runs the latest that has a cause counts, in whichever order they finish: each
    holds the incident, and looks at what is there. An incident's version stays, for the service refuses nobody's edit.
    """
    found = Diagnosis.objects.filter(run=run).first()
    if found is None:
        return
    held = Incident.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=list(incidents))
    for incident in held.order_by("pk"):  # as everybody who holds several
        _take_over(incident, found, _cause_of(found, cause), at=at)


def _cause_of(found: Diagnosis, slug: str) -> Mapping[str, Any] | None:
    causes: list[Mapping[str, Any]] = found.document["causes"]
    return next((one for one in causes if not slug or one["code"] == slug), None)


def _take_over(incident: Incident, found: Diagnosis, cause: Mapping[str, Any] | None, *, at: datetime) -> None:
    row = IncidentDiagnosis.objects.filter(incident=incident).first()
    row = row or IncidentDiagnosis(incident=incident, stack_id=incident.stack_id, opened_at=incident.opened_at)
    if found.conclusion in FOUND_SOMETHING:
        _add_signatures(row, found.signatures)
    before, counts = _suggested(row), cause is not None and _counts(row, found, cause)
    if cause is not None and counts:
        _set_suggestion(row, found, cause, at=at)
    if row.cause or row.signatures:
        row.save()
    if counts:
        _fill(incident, row, is_new=_suggested(row) != before, at=at)


def _counts(row: IncidentDiagnosis, found: Diagnosis, cause: Mapping[str, Any]) -> bool:
    """Say whether a run's cause takes the place of the one that is there; what only warns takes nothing's place."""
    return row.run_id is None or (row.run_id < found.run_id and not cause["warns_only"])


def _suggested(row: IncidentDiagnosis) -> tuple[object, ...]:
    return (row.cause, row.subject, row.severity, row.category, row.actions)


def _set_suggestion(row: IncidentDiagnosis, found: Diagnosis, cause: Mapping[str, Any], *, at: datetime) -> None:
    row.run_id, row.cause, row.sentence = found.run_id, cause["code"], cause["sentence"]
    row.subject = cause["subject"][:MAX_SUBJECT]
    row.severity, row.category, row.actions = cause["severity"], cause["category"], cause["actions"]
    row.suggested_at = at


def _add_signatures(row: IncidentDiagnosis, signatures: Iterable[str]) -> None:
    more = [one for one in signatures if one not in row.signatures][: MAX_SIGNATURES - len(row.signatures)]
    row.signatures = [*row.signatures, *more]
    IncidentSignature.objects.bulk_create(
        IncidentSignature(incident_id=row.incident_id, stack_id=row.stack_id, opened_at=row.opened_at, signature=one)
        for one in more
    )


def _fill(incident: Incident, row: IncidentDiagnosis, *, is_new: bool, at: datetime) -> None:
    """Set the words that no person has said, and tell of it where there is something new."""
    before = {name: getattr(incident, name) for name in CLASSIFIED}
    said_by = sources_of(incident)
    filled = {name: getattr(row, name) for name in CLASSIFIED if said_by[name] != ClassificationSource.PERSON}
    after = before | filled
    if not is_new and after == before:
        return  # the run found again what is known
    if after != before:
        sources = dict.fromkeys((f"{name}_source" for name in filled), ClassificationSource.SERVICE)
        Incident.objects.filter(pk=incident.pk).update(**filled, **sources, changed_at=at)
    suggested = {name: getattr(row, name) for name in CLASSIFIED}
    told: dict[str, object] = {
        "run": row.run_id,
        "cause": row.cause,
        "suggested": suggested,
        "from": before,
        "to": after,
    }
    write_history(incident, by=WORKER, at=at, lines=[("suggested", _text(row, after), told)])
    data = {**told, "actions": row.actions}
    trail.record("incident:suggested", subject=incident, by=WORKER, at=at, incident_id=incident.pk, data=data)


def _text(row: IncidentDiagnosis, after: Mapping[str, str]) -> str:
    words = ", ".join(f"{name} {getattr(row, name)}" for name in CLASSIFIED)
    kept = [f"{name} {after[name] or 'not set'}" for name in CLASSIFIED if after[name] != getattr(row, name)]
    stays = f". As a person said it, this stays: {', '.join(kept)}" if kept else ""
    return f"Run {row.run_id} suggests {words}: {row.sentence}{stays}"

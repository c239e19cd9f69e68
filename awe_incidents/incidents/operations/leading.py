"""Keep the words of incidents in step with what happens to them, and which of them new reports are compared with."""

from __future__ import annotations

from collections.abc import Mapping

from awe_incidents.incidents import vectors
from awe_incidents.incidents.models import BugReport, Incident, IncidentWords
from awe_incidents.incidents.states import WAITING
from awe_incidents.incidents.template import TemplateFields


def add_title(incident: Incident, *, found: str = "") -> None:
    """Let an incident that was opened without a report be found by its title, and joined.

    `found` are lines that the service saw, as a reporter would paste them.
    """
    said = TemplateFields(actual_behavior=incident.title, container_logs=found)
    IncidentWords.objects.create(
        incident=incident,
        stack_id=incident.stack_id,
        person_id=incident.opened_by_id,
        opened_at=incident.opened_at,
        is_lead=True,
        words=_vector(said, stack_id=incident.stack_id),
    )


def say_anew(report: BugReport, said: TemplateFields) -> None:
    """Let a report be found and compared by what it says now."""
    row = IncidentWords.objects.filter(incident_id=report.incident_id, report_id=report.pk)
    row.update(words=_vector(said, stack_id=report.stack_id))


def move_words(report: BugReport, *, source: Incident, target: Incident) -> None:
    """Take a report's words along to another incident: there it comes last, and here the next one leads."""
    row = IncidentWords.objects.get(incident=source, report_id=report.pk)
    row.delete()
    if target.opened_by_id is not None:  # the words of one that the service opened stay
        IncidentWords.objects.filter(incident=target, report_id=None, person=None).delete()  # see `keep_title`
    row.pk, row.incident, row.opened_at, row.is_lead = None, target, target.opened_at, False
    row.save(force_insert=True)
    for incident in (source, target):
        settle(incident.pk, is_waiting=incident.state in WAITING)


def keep_title(incident: Incident) -> None:
    """Let an incident without a report still be found by its title; nobody's report joins it, nobody owns it.

    One that the service opened has its own words anyway, and is joined by them as before.
    """
    if incident.opened_by_id is None:
        return
    said = TemplateFields(actual_behavior=incident.title)
    IncidentWords.objects.create(
        incident=incident,
        stack_id=incident.stack_id,
        opened_at=incident.opened_at,
        words=_vector(said, stack_id=incident.stack_id),
    )


def forget(reports: Mapping[int, int]) -> None:
    """Let nothing but the title be found of what reports (with their incidents) said; by whom it is, the opener's."""
    rows = IncidentWords.objects.filter(incident__in=set(reports.values()), report_id__in=reports)
    gone = list(rows.select_related("incident"))
    for row in gone:
        title = row.incident.title if row.person_id == row.incident.opened_by_id else ""
        row.words = _vector(TemplateFields(actual_behavior=title), stack_id=row.stack_id)
    IncidentWords.objects.bulk_update(gone, ["words"])


def settle(incident_id: int, *, is_waiting: bool) -> None:
    """Let the first words of an incident lead while it waits for somebody, and none of them when it does not."""
    rows = IncidentWords.objects.filter(incident_id=incident_id)
    lead = rows.order_by("id").first() if is_waiting else None
    rows.filter(is_lead=True).exclude(pk=lead.pk if lead else 0).update(is_lead=False)
    if lead and not lead.is_lead:
        rows.filter(pk=lead.pk).update(is_lead=True)


def _vector(said: TemplateFields, *, stack_id: int) -> str:
    return vectors.vector_of(said, vectors.profile_of_report(said), stack_id=stack_id)

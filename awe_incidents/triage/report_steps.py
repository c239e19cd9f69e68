"""What can be done to a bug report: moving it to another incident."""

from __future__ import annotations

from django import forms

from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import move_bug_report
from awe_incidents.triage.fields import number_field
from awe_incidents.triage.incident_steps import ReasonRequiredForm, may_triage
from awe_incidents.triage.steps import Asked, Step


class MoveForm(ReasonRequiredForm):
    """Which incident, and why."""

    incident = number_field(label="Number of the incident (empty opens a new one)", min_value=1, required=False)
    field_order = ("incident", "because")

    def clean_incident(self) -> Incident | None:
        """Find it."""
        number = self.cleaned_data["incident"]
        incident = Incident.objects.filter(pk=number).first() if number else None
        if number and incident is None:
            raise forms.ValidationError(f"There is no incident {number}.")
        return incident


def _move(asked: Asked) -> str:
    report = move_bug_report(
        report=asked.thing,
        to=asked.fields["incident"],
        user=asked.user,
        by=asked.by,
        at=asked.at,
        because=asked.fields["because"],
        version=asked.fields["version"],
    )
    return f"Bug report {report.pk} belongs to incident #{report.incident_id} now."


MOVE = Step(
    name="move",
    title="Move to another incident",
    explanation="Says that it is about another problem of its stack. Its run goes with it; both histories tell.",
    form=MoveForm,
    may=may_triage,
    is_offered=lambda report: True,
    carry_out=_move,
)

"""What can be done to an incident: the steps of its state table, classifying it, and running a suite again."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import classify_incident, move_incident, request_incident_run
from awe_incidents.incidents.states import TRANSITIONS, Category, IncidentState, Severity, Transition
from awe_incidents.triage.fields import choice_field, text_field
from awe_incidents.triage.steps import Asked, Step, StepForm
from diagnostics.checks.base import SUITES

MAX_REASON = 2_000
_EXPLANATIONS = {
    "acknowledge": "Says that somebody is at work on it.",
    "resolve": "Says that the problem is gone, and why you think so.",
    "reopen": "Says that the problem is back or was never gone.",
    "close": "Ends the work on it; it can be reopened.",
}


class IncidentForm(StepForm):
    """Carries the version that the person saw, so that nobody decides on what has changed meanwhile."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, thing: Incident, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, initial={"version": thing.version}, **kwargs)

    def add_error(self, field: str | None, error: Any) -> None:
        """Show the refusal together with the present version: who reads it may decide again."""
        super().add_error(field, error)
        if field is None:
            self.data = {**dict(self.data.items()), "version": str(self.thing.version)}


class ReasonRequiredForm(IncidentForm):
    """Asks why."""

    because = text_field(label="Why", rows=4, max_length=MAX_REASON)


class ReasonForm(IncidentForm):
    """Lets say why."""

    because = text_field(label="Why (may stay empty)", rows=4, max_length=MAX_REASON, required=False)


class ClassifyForm(ReasonForm):
    """Severity and category as they are, to be changed."""

    severity = choice_field(
        label="Severity", choices=[("", "not set"), *((one.value, one.value) for one in Severity)], required=False
    )
    category = choice_field(
        label="Category", choices=[("", "not set"), *((one.value, one.value) for one in Category)], required=False
    )
    field_order = ("severity", "category", "because")

    def __init__(self, *args: Any, thing: Incident, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        self.initial.update(severity=thing.severity, category=thing.category)


class SuiteForm(StepForm):
    """Which suite to run."""

    suite = choice_field(label="Suite", choices=[(name, name) for name in SUITES], initial="full")


def may_triage(user: User) -> bool:
    """Say whether somebody changes incidents at all; the policy of incidents decides again."""
    return user.has_role(Role.OPERATOR)


def _moving(transition: Transition) -> Step:
    def carry_out(asked: Asked) -> str:
        incident = move_incident(
            incident=asked.thing, action=transition.action, user=asked.user, by=asked.by, at=asked.at, **asked.fields
        )
        return f"Incident #{incident.pk} is {incident.state}."

    def is_offered(thing: Any) -> bool:
        return IncidentState(cast("Incident", thing).state) in transition.sources

    return Step(
        name=transition.action,
        title=transition.action.capitalize(),
        explanation=_EXPLANATIONS[transition.action],
        form=ReasonRequiredForm if transition.needs_reason else ReasonForm,
        may=may_triage,
        is_offered=is_offered,
        carry_out=carry_out,
    )


def _classify(asked: Asked) -> str:
    severity, category = asked.fields["severity"], asked.fields["category"]
    incident = classify_incident(
        incident=asked.thing,
        severity=Severity(severity) if severity else None,
        category=Category(category) if category else None,
        user=asked.user,
        by=asked.by,
        at=asked.at,
        because=asked.fields["because"],
        version=asked.fields["version"],
    )
    said = f"severity {incident.severity or 'not set'}, category {incident.category or 'not set'}"
    return f"Incident #{incident.pk}: {said}."


def _run_again(asked: Asked) -> str:
    run = request_incident_run(
        incident=asked.thing, suite_name=asked.fields["suite"], user=asked.user, by=asked.by, at=asked.at
    )
    return f"Run {run.pk} is queued; this page follows it."


INCIDENT_STEPS = (
    *(_moving(transition) for transition in TRANSITIONS.values()),
    Step(
        name="classify",
        title="Classify",
        explanation="Says how bad it is and what it is about.",
        form=ClassifyForm,
        may=may_triage,
        is_offered=lambda incident: True,
        carry_out=_classify,
    ),
    Step(
        name="run",
        title="Run again",
        explanation="Looks at the stack again. Checks only read; nothing on the stack is changed.",
        form=SuiteForm,
        may=may_triage,
        is_offered=lambda incident: True,
        carry_out=_run_again,
    ),
)

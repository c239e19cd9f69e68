"""What can be done to an incident: the steps of its state table, classifying it, and running a suite again."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.incidents.failures import failures_of
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import (
    accept_suggestion,
    classify_incident,
    move_incident,
    recheck_incident,
    request_incident_run,
)
from awe_incidents.incidents.states import TRANSITIONS, Category, IncidentState, Severity, Transition
from awe_incidents.incidents.suggestions import CLASSIFIED, suggestion_for
from awe_incidents.triage.fields import choice_field, text_field
from awe_incidents.triage.steps import Asked, Step, StepForm
from diagnostics.checks.base import SUITES

MAX_REASON = 2_000
_EXPLANATIONS = {
    "acknowledge": "Says that somebody is at work on it.",
    "resolve": "Says that the problem is gone, and why you think so. What failed has passed since, or you say why not.",
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


class ResolveForm(ReasonRequiredForm):
    """Asks why, and why in spite of checks that failed and have not passed since, where there are any."""

    despite_failed_checks = text_field(label="Why without them passing", rows=3, max_length=MAX_REASON, required=False)

    def __init__(self, *args: Any, thing: Incident, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        if failed := [row.slug for row in failures_of(thing)]:
            label = f"Why though {', '.join(failed)} failed and did not pass since"
            self.fields["despite_failed_checks"].label = label
        else:
            del self.fields["despite_failed_checks"]


class ReasonForm(IncidentForm):
    """Lets say why."""

    because = text_field(label="Why (may stay empty)", rows=4, max_length=MAX_REASON, required=False)


class ClassifyForm(ReasonForm):
    """Severity and category as they are, to be changed or confirmed; it carries what was shown, too."""

    severity = choice_field(
        label="Severity",
        choices=[("", "not set"), *((one.value, one.value) for one in Severity)],
        required=False,
        show_hidden_initial=True,
    )
    category = choice_field(
        label="Category",
        choices=[("", "not set"), *((one.value, one.value) for one in Category)],
        required=False,
        show_hidden_initial=True,
    )
    field_order = ("severity", "category", "because")

    def __init__(self, *args: Any, thing: Incident, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        self.initial.update(severity=thing.severity, category=thing.category)

    def clean(self) -> dict[str, Any]:
        """Leave out what the person left empty, and what they left as it was while the service changed it."""
        said = {**self.cleaned_data}
        for name in CLASSIFIED:
            is_left = name in said and name not in self.changed_data
            if is_left and (not said[name] or said[name] != getattr(self.thing, name)):
                del said[name]
        return said


class AcceptForm(ReasonForm):
    """Carries which suggestion the person saw, and says what the present one is."""

    run = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, thing: Incident, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        self.suggestion = suggestion_for(thing)
        self.initial.update(run=self.suggestion.run if self.suggestion else None)

    @property
    def says(self) -> str:
        """Say what is accepted, and why it is suggested."""
        one = self.suggestion
        return f"Severity {one.severity}, category {one.category}: {one.sentence}" if one else ""

    def add_error(self, field: str | None, error: Any) -> None:
        """Show the refusal together with the present suggestion."""
        super().add_error(field, error)
        if field is None and self.suggestion:
            self.data = {**dict(self.data.items()), "run": str(self.suggestion.run)}


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
        form=_form_of(transition),
        may=may_triage,
        is_offered=is_offered,
        carry_out=carry_out,
    )


def _form_of(transition: Transition) -> type[IncidentForm]:
    if transition.needs_checks:
        return ResolveForm
    return ReasonRequiredForm if transition.needs_reason else ReasonForm


def _classify(asked: Asked) -> str:
    incident = classify_incident(incident=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return _told(incident)


def _accept(asked: Asked) -> str:
    fields = dict(asked.fields)
    incident = accept_suggestion(
        incident=asked.thing, run_id=fields.pop("run"), user=asked.user, by=asked.by, at=asked.at, **fields
    )
    return _told(incident)


def _has_suggestion(thing: Any) -> bool:
    suggestion = suggestion_for(cast("Incident", thing))
    return suggestion is not None and not suggestion.is_accepted


def _told(incident: Incident) -> str:
    said = f"severity {incident.severity or 'not set'}, category {incident.category or 'not set'}"
    return f"Incident #{incident.pk}: {said}."


def _run_again(asked: Asked) -> str:
    run = request_incident_run(
        incident=asked.thing, suite_name=asked.fields["suite"], user=asked.user, by=asked.by, at=asked.at
    )
    return f"Run {run.pk} is queued; this page follows it."


def _look_again(asked: Asked) -> str:
    run = recheck_incident(incident=asked.thing, user=asked.user, by=asked.by, at=asked.at)
    return f"Run {run.pk} is queued; this page follows it."


INCIDENT_STEPS = (
    *(_moving(transition) for transition in TRANSITIONS.values()),
    Step(
        name="accept",
        title="Accept suggestion",
        explanation="Lets the incident have the suggested severity and category; no run changes them from then on.",
        form=AcceptForm,
        may=may_triage,
        is_offered=_has_suggestion,
        carry_out=_accept,
    ),
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
    Step(
        name="recheck",
        title="Look again",
        explanation="Runs the checks again that failed and have not passed since, and what they require.",
        form=StepForm,
        may=may_triage,
        is_offered=lambda incident: bool(failures_of(incident)),
        carry_out=_look_again,
    ),
)

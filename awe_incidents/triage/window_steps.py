"""Declaring a maintenance window, from its stack's page, and taking one back, from the window's."""

from __future__ import annotations

from calendar import day_name
from typing import Any

from awe_incidents.recovery import operations
from awe_incidents.recovery.freezes import MaintenanceWindow
from awe_incidents.recovery.operations.freezing import WEEK_MINUTES
from awe_incidents.triage.fields import choice_field, clock_field, number_field, text_field
from awe_incidents.triage.recovery_forms import MAX_REASON, BecauseForm
from awe_incidents.triage.recovery_steps import may_decide
from awe_incidents.triage.steps import Asked, Step, StepForm


class WindowForm(StepForm):
    """When in the week, for how long, and why."""

    weekday = choice_field(
        label="Every", choices=[(str(number), name) for number, name in enumerate(day_name, start=1)]
    )
    opens_at = clock_field(label="From (UTC)")
    minutes = number_field(label="For how many minutes", min_value=1, max_value=WEEK_MINUTES)
    because = text_field(label="Why", rows=3, max_length=MAX_REASON)


def when(window: MaintenanceWindow) -> str:
    """Say when in the week it is open."""
    return f"every {day_name[window.weekday - 1]} from {window.opens_at:%H:%M} UTC for {window.minutes:,} min"


def _declare(asked: Asked) -> str:
    fields = {**asked.fields, "weekday": int(asked.fields["weekday"])}
    made = operations.declare_window(stack=asked.thing, user=asked.user, by=asked.by, at=asked.at, **fields)
    return f"Maintenance window {made.pk} is declared: {when(made)}."


def _close(asked: Asked) -> str:
    operations.close_window(window=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Maintenance window {asked.thing.pk} is closed for good."


def _is_declared(thing: Any) -> bool:
    return thing.closed_at is None


DECLARE = Step(
    name="declare-window",
    title="Declare a maintenance window",
    explanation="Names a time of the week. From the first one of a stack on, what another person approves (tiers 2 and"
    " 3) starts in windows only; a break-glass does not wait.",
    form=WindowForm,
    may=may_decide,
    is_offered=lambda stack: True,
    carry_out=_declare,
)
CLOSE = Step(
    name="close",
    title="Close for good",
    explanation="Takes the window back. Without any, what another person approves starts at any time again.",
    form=BecauseForm,
    may=may_decide,
    is_offered=_is_declared,
    carry_out=_close,
)

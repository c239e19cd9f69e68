"""Freezing a stack, from its page, and lifting a freeze early, from the freeze's."""

from __future__ import annotations

from typing import Any

from awe_incidents.recovery import operations
from awe_incidents.recovery.states import Standing
from awe_incidents.triage.fields import choice_field, moment_field, text_field
from awe_incidents.triage.labels import moment
from awe_incidents.triage.recovery_forms import MAX_REASON, BecauseForm
from awe_incidents.triage.recovery_steps import may_ask
from awe_incidents.triage.steps import Asked, Step, StepForm

HOLDS = {
    0: "everything",
    1: "tier 1 and above: all but what only looks",
    2: "tiers 2 and 3: what another person approves",
    3: "tier 3: that by which a stack may be lost",
}


class FreezeForm(StepForm):
    """What is held, for how long, and why."""

    from_tier = choice_field(label="What it holds", choices=[(str(tier), words) for tier, words in HOLDS.items()])
    starts_at = moment_field(label="From (UTC; empty: now)")
    ends_at = moment_field(label="Until (UTC)", required=True)
    because = text_field(label="Why", rows=3, max_length=MAX_REASON)


def _freeze(asked: Asked) -> str:
    fields = {**asked.fields, "from_tier": int(asked.fields["from_tier"])}
    made = operations.freeze_stack(stack=asked.thing, user=asked.user, by=asked.by, at=asked.at, **fields)
    return f"Freeze {made.pk} is set, from {moment(made.starts_at)} until {moment(made.ends_at)}."


def _lift(asked: Asked) -> str:
    operations.lift_freeze(freeze=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Freeze {asked.thing.pk} is lifted; what waited for it starts within seconds."


def _can_be_lifted(thing: Any) -> bool:
    return thing.standing in {Standing.NOW, Standing.COMING}


FREEZE = Step(
    name="freeze",
    title="Freeze",
    explanation="Lets no recovery action start for a time of at most 90 days. What is approved waits, what runs goes"
    " on, and a break-glass does not wait.",
    form=FreezeForm,
    may=may_ask,
    is_offered=lambda stack: True,
    carry_out=_freeze,
)
LIFT = Step(
    name="lift",
    title="Lift",
    explanation="Ends it now. What waits for it starts within seconds.",
    form=BecauseForm,
    may=may_ask,
    is_offered=_can_be_lifted,
    carry_out=_lift,
)

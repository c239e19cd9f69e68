"""What people fill in where they do something to a request of recovery."""

from __future__ import annotations

from typing import Any

from django import forms

from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.policies import Tier
from awe_incidents.recovery.states import ExecutionState, ReviewVerdict
from awe_incidents.triage.fields import choice_field, text_field
from awe_incidents.triage.steps import DecisionForm, StepForm

MAX_REASON = 2_000
_ENDED = (
    (ExecutionState.SUCCEEDED, "it succeeded: every step was done"),
    (ExecutionState.FAILED, "it failed: some of it was done"),
    (ExecutionState.NOT_STARTED, "it did not start: nothing was done"),
)
FOUND = ((ReviewVerdict.IN_ORDER, "in order"), (ReviewVerdict.VIOLATION, "a violation"))
_VERDICTS = [("", "choose"), *((one.value, words) for one, words in FOUND)]


class BoundForm(DecisionForm):
    """A decision on what was shown: it carries the digest of that."""

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    because = text_field(label="Why", rows=3, max_length=MAX_REASON)

    def __init__(self, *args: Any, thing: RecoveryRequest, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, initial={"digest": thing.terms.digest}, **kwargs)

    def add_error(self, field: str | None, error: Any) -> None:
        """Show the refusal together with what is asked for now: who reads it may decide again."""
        super().add_error(field, error)
        if field is None:
            self.data = {**dict(self.data.items()), "digest": self.thing.terms.digest}


class StackNamedForm(DecisionForm):
    """Where a stack may be lost, its name is typed."""

    typed_stack = text_field(label="Type the name of the stack", required=False, max_length=63)

    def __init__(self, *args: Any, thing: RecoveryRequest, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        if thing.tier < Tier.FOUR_EYES_AND_BACKUP:
            del self.fields["typed_stack"]
        else:
            self.fields["typed_stack"].widget.attrs["autocomplete"] = "off"


class ApprovalForm(StackNamedForm, BoundForm):
    """An approval."""


class BecauseForm(StepForm):
    """Asks why."""

    because = text_field(label="Why", rows=3, max_length=MAX_REASON)


class MayBecauseForm(StepForm):
    """Lets say why."""

    because = text_field(label="Why (may stay empty)", rows=3, max_length=MAX_REASON, required=False)


class BreakGlassForm(StackNamedForm):
    """Asks why nobody can be waited for."""

    because = text_field(label="Why nobody can be waited for", rows=3, max_length=MAX_REASON)


class ReviewForm(DecisionForm):
    """What the reviewer found."""

    verdict = choice_field(label="Going past the approval was", choices=_VERDICTS)
    findings = text_field(label="What you found", rows=4, max_length=MAX_REASON)


class ResolutionForm(StepForm):
    """How it ended, as a person saw."""

    state = choice_field(label="How it ended", choices=[("", "choose"), *((one.value, text) for one, text in _ENDED)])
    because = text_field(label="How you know", rows=4, max_length=MAX_REASON)

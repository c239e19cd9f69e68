"""Recording what somebody did by hand, from an incident or a stack."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.operations import record_manual_action
from awe_incidents.triage.fields import moment_field, text_field
from awe_incidents.triage.recovery_forms import MAX_REASON
from awe_incidents.triage.recovery_steps import may_ask
from awe_incidents.triage.steps import Asked, Step, StepForm

MAX_COMMANDS, MAX_OUTPUT = 20_000, 200_000


class ManualActionForm(StepForm):
    """Who did what, when and why."""

    done_by = text_field(label="Who did it (empty: you)", required=False, max_length=200)
    done_at = moment_field(label="When (UTC)", required=True)
    because = text_field(label="Why", rows=2, max_length=MAX_REASON)
    commands = text_field(label="What was typed (may stay empty)", rows=4, required=False, max_length=MAX_COMMANDS)
    output = text_field(label="What it said (may stay empty)", rows=6, required=False, max_length=MAX_OUTPUT)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["done_at"] = timezone.now()
        for name in ("commands", "output"):
            self.fields[name].widget.attrs["class"] += " desk-typed"

    def clean_done_at(self) -> datetime:
        """Refuse what lies in the future. Raises: ValidationError."""
        at: datetime = self.cleaned_data["done_at"]
        if at > timezone.now():
            raise ValidationError("This lies in the future; say when it was done.")
        return at


def _record(asked: Asked) -> str:
    row, fields = asked.thing, dict(asked.fields)
    done = record_manual_action(
        stack=row.stack if isinstance(row, Incident) else row,
        incident=row if isinstance(row, Incident) else None,
        done_by=fields.pop("done_by") or asked.user.username,
        user=asked.user,
        by=asked.by,
        at=asked.at,
        **fields,
    )
    return f"Manual action {done.pk} is recorded as told by you; this service did not do it."


RECORD_MANUAL_ACTION = Step(
    name="record-manual-action",
    title="Record what was done by hand",
    explanation="Keeps what somebody did without this service. It is shown as told, not as executed; secrets in it are"
    " redacted, and the trail keeps its digest.",
    form=ManualActionForm,
    may=may_ask,
    is_offered=lambda row: True,
    carry_out=_record,
)

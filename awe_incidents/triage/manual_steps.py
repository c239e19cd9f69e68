"""Recording what somebody did by hand, from an incident or a stack, and adding files to it afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery import policies
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.operations import attach_to_manual_action, record_manual_action
from awe_incidents.triage.fields import moment_field, text_field
from awe_incidents.triage.file_forms import FilesForm, take_uploads
from awe_incidents.triage.recovery_forms import MAX_REASON
from awe_incidents.triage.recovery_steps import may_ask, refusal_of
from awe_incidents.triage.steps import Asked, Step

MAX_COMMANDS, MAX_OUTPUT = 20_000, 200_000


class ManualActionForm(FilesForm):
    """Who did what, when and why."""

    done_by = text_field(label="Who did it (empty: you)", required=False, max_length=200)
    done_at = moment_field(label="When (UTC)", required=True)
    because = text_field(label="Why", rows=2, max_length=MAX_REASON)
    commands = text_field(label="What was typed (may stay empty)", rows=4, required=False, max_length=MAX_COMMANDS)
    output = text_field(label="What it said (may stay empty)", rows=6, required=False, max_length=MAX_OUTPUT)
    field_order = ("done_by", "done_at", "because", "commands", "output")

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
    uploads = take_uploads(fields)
    done = record_manual_action(
        stack=row.stack if isinstance(row, Incident) else row,
        incident=row if isinstance(row, Incident) else None,
        done_by=fields.pop("done_by") or asked.user.username,
        user=asked.user,
        by=asked.by,
        at=asked.at,
        uploads=uploads,
        **fields,
    )
    return f"Manual action {done.pk} is recorded as told by you; this service did not do it."


RECORD_MANUAL_ACTION = Step(
    name="record-manual-action",
    title="Record what was done by hand",
    explanation="Keeps what somebody did without this service. It is shown as told, not as executed; secrets in texts"
    " are redacted, pictures are made anew, and the trail keeps their digests. What a picture shows nobody redacts.",
    form=ManualActionForm,
    may=may_ask,
    is_offered=lambda row: True,
    carry_out=_record,
)


def _attach(asked: Asked) -> str:
    uploads = take_uploads(dict(asked.fields))
    rows = attach_to_manual_action(action=asked.thing, uploads=uploads, user=asked.user, by=asked.by, at=asked.at)
    return f"Added: {len(rows)} file{'' if len(rows) == 1 else 's'}."


def _why_not_attach(thing: ManualAction, user: User) -> str:
    return refusal_of(lambda: policies.check_may_attach(user, recorded_by=thing.person_id))


class AddedFilesForm(FilesForm):
    """One file at least."""

    def clean(self) -> dict[str, Any]:
        """Refuse none. Raises: ValidationError."""
        said: dict[str, Any] = self.cleaned_data
        if not (said.get("screenshots") or said.get("texts")):
            raise ValidationError("Choose a file.")
        return said


ATTACH_FILES = Step(
    name="attach",
    title="Add files",
    explanation="Adds screenshots and texts to what you recorded: texts are redacted, pictures are made anew, and the"
    " trail keeps their digests. What a picture shows nobody redacts.",
    form=AddedFilesForm,
    may=may_ask,
    is_offered=lambda row: True,
    carry_out=_attach,
    why_not=_why_not_attach,
)

"""From rows of the desk to what the trail has of them, and from the subjects of entries back to rows."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db import models

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment, BugReport, Incident
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery.models import Execution, Freeze, MaintenanceWindow, ManualAction, RecoveryRequest
from awe_incidents.triage.access import AUDITORS, has_any_role, is_administrator
from awe_incidents.triage.entry_filter import subject_of, trail_address
from awe_incidents.triage.facts import address
from diagnostics.models import Run, Stack

_SUBJECTS: dict[str, type[models.Model]] = {
    str(model._meta.model_name): model
    for model in (
        *(Incident, BugReport, Attachment, Run, Stack, Entry),
        *(RecoveryRequest, ManualAction, Freeze, MaintenanceWindow, Alarm),
    )
}
MAX_DIGITS = 18


def trails_of(thing: models.Model, user: User | AnonymousUser) -> list[tuple[str, str]]:
    """Give the parts of the trail that tell of a row, in words and as addresses: none where there are no entries."""
    if not has_any_role(user, AUDITORS):
        return []
    if isinstance(thing, Incident):
        return [("Trail of this incident", trail_address(incident=thing.pk))]
    told = []
    if Entry.objects.filter(subject_type=thing._meta.model_name, subject_id=str(thing.pk)).exists():
        told.append((f"Trail of this {thing._meta.verbose_name}", trail_address(subject=subject_of(thing))))
    if isinstance(thing, RecoveryRequest) and hasattr(thing, "execution"):
        told.append(("Trail of its execution", trail_address(subject=subject_of(thing.execution))))
    if isinstance(thing, User) and Entry.objects.filter(actor=f"user:{thing.pk}").exists():
        told.append(("What this person did", trail_address(actor=f"user:{thing.pk}")))
    return told


def row_address(kind: str, key: str, user: User) -> str:
    """Give the address of the row that an entry is about; empty where the desk has none that the person may see."""
    if not (key.isascii() and key.isdecimal() and len(key) <= MAX_DIGITS):
        return ""
    if kind == "user":
        return address(User, key) if is_administrator(user) else ""
    if kind == "execution":  # it is shown on the page of its request
        request = Execution.objects.filter(pk=key).values_list("request", flat=True).first()
        return address(RecoveryRequest, request) if request else ""
    model = _SUBJECTS.get(kind)
    return address(model, key) if model else ""

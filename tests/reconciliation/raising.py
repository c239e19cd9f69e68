"""Alarms without an engine: raised as reconciliation raises them, of events that tests write down."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from awe_incidents.reconciliation.models import Alarm, JudgedEvent
from awe_incidents.reconciliation.operations.alarming import Raising, raise_alarm
from awe_incidents.reconciliation.states import AlarmKind, Cause
from diagnostics.models import Stack


def raised(stack: Stack, *, kind: str, key: str, at: datetime | None = None, **more: Any) -> Alarm:
    """Raise an alarm."""
    at = at or timezone.now()
    told = {"first_at": at, "last_at": at, "says": f"{kind.replace('_', ' ')}: as told", **more}
    with transaction.atomic():
        alarm = raise_alarm(stack, Raising(kind=AlarmKind(kind), key=key, **told), at=at)
    assert alarm is not None
    return alarm


def strayed(stack: Stack, *, at: datetime | None = None) -> Alarm:
    """Let somebody kill a container whom nobody knows, while another ends by itself, and raise that."""
    at = at or timezone.now()
    first = judged(stack, "kill", "api", Cause.NOBODY, at=at, signal=15)
    judged(stack, "die", "worker", Cause.ITSELF, at=at + timedelta(microseconds=1))
    last = judged(stack, "die", "api", Cause.NOBODY, at=at + timedelta(microseconds=2), follows=True)
    return raised(
        stack,
        kind="executed_never_approved",
        key=f"events:{first.pk}",
        says="executed, never approved: kill of api, die of api",
        first_at=first.at,
        last_at=last.at,
        events=2,
    )


def judged(stack: Stack, action: str, service: str, cause: Cause, *, at: datetime, **more: Any) -> JudgedEvent:
    """Write down one event."""
    container = {"container": f"{service}-id", "name": f"plain-{service}-1", "service": service}
    key = f"{action}-{service}-{at.timestamp()}"[:32]
    return JudgedEvent.objects.create(stack=stack, key=key, at=at, action=action, cause=cause, **container, **more)

"""Raise an alarm once wherever people look: a row, an entry, a line in timelines of open incidents; and settle it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor, service
from awe_incidents.audit import trail
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.reports import cleaned_text
from awe_incidents.incidents.states import WAITING
from awe_incidents.reconciliation import policies
from awe_incidents.reconciliation.errors import AlarmSettled, AlarmUnknown, SettlingUnsaid
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.states import AlarmKind
from awe_incidents.recovery.models import ManualAction, RecoveryRequest
from diagnostics.models import Stack

RECONCILIATION = service("reconciliation")
MAX_TOLD = 20  # open incidents of a stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising:
    """What an alarm is to say."""

    kind: AlarmKind
    key: str
    says: str  # no text of others but names, as it goes into the signed bytes
    first_at: datetime
    last_at: datetime
    commands: str = ""  # as the engine told them; redacted here, and erasable in the trail
    events: int = 0
    request: RecoveryRequest | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def raise_alarm(stack: Stack, raising: Raising, *, at: datetime) -> Alarm | None:
    """Raise an alarm, or give None where it was raised before; the caller holds the stack's watch."""
    if Alarm.objects.filter(stack=stack, key=raising.key).exists():
        return None
    commands = cleaned_text(raising.commands, stack=stack) if raising.commands else ""
    says = f"{raising.says}; ran: {commands}" if commands else raising.says
    alarm = Alarm.objects.create(
        stack=stack,
        kind=raising.kind,
        key=raising.key,
        says=says,
        first_at=raising.first_at,
        last_at=raising.last_at,
        events=raising.events,
        request=raising.request,
        raised_at=at,
    )
    told = _told(stack, raising.request)
    for incident in told:
        line: Line = ("alarm_raised", f"Alarm {alarm.pk}: {says}", {"alarm": alarm.pk, "kind": raising.kind.value})
        write_history(incident, by=RECONCILIATION, at=raising.first_at, lines=[line])
    trail.record(
        "alarm:raised",
        subject=alarm,
        by=RECONCILIATION,
        at=at,
        incident_id=told[0].pk if len(told) == 1 else None,
        data={
            "kind": raising.kind.value,
            "stack": stack.pk,
            "stack_name": stack.name,
            "says": raising.says,
            "first_at": trail.moment(raising.first_at),
            "last_at": trail.moment(raising.last_at),
            "events": raising.events,
            "incidents": [one.pk for one in told],
            "request": raising.request.pk if raising.request else None,
            **raising.data,
        },
        private={"commands": commands},
    )
    return alarm


@transaction.atomic
def settle_alarm(*, alarm_id: int, user: User, by: Actor, at: datetime, because: str) -> Alarm:
    """Settle an alarm that a person has looked into.

    Raises: RoleRequired, OwnAlarm, AlarmUnknown, AlarmSettled, SettlingUnsaid.
    """
    alarm = _held(alarm_id)
    policies.check_may_settle(user, alarm)
    return _settle(alarm, by=by, at=at, because=because, settler=user)


@transaction.atomic
def end_alarm(
    *, alarm_id: int, by: Actor, at: datetime, because: str, manual_action: ManualAction | None = None
) -> Alarm:
    """Settle an alarm for nobody in particular: it is over, or what was done by hand explains it.

    Raises: AlarmUnknown, AlarmSettled, SettlingUnsaid.
    """
    return _settle(_held(alarm_id), by=by, at=at, because=because, manual_action=manual_action)


def _held(alarm_id: int) -> Alarm:
    rows = Alarm.objects.select_for_update(of=("self",)).select_related("stack", "request__review")
    alarm = rows.filter(pk=alarm_id).first()
    if alarm is None:
        raise AlarmUnknown(f"there is no alarm {alarm_id}")
    return alarm


def _settle(
    alarm: Alarm,
    *,
    by: Actor,
    at: datetime,
    because: str,
    settler: User | None = None,
    manual_action: ManualAction | None = None,
) -> Alarm:
    if alarm.settled_at is not None:
        raise AlarmSettled(f"alarm {alarm.pk} was settled at {alarm.settled_at:%Y-%m-%d %H:%M} UTC")
    if not because.strip():
        raise SettlingUnsaid("say why; the trail keeps it")
    because = cleaned_text(because.strip(), stack=alarm.stack)
    alarm.settled_at, alarm.settled_by, alarm.settled_because, alarm.settler = at, manual_action, because, settler
    alarm.save(update_fields=["settled_at", "settled_by", "settled_because", "settler"])
    # Without the reason, which is for those who read recovery; reporters read this.
    line: Line = ("alarm_settled", f"Alarm {alarm.pk} settled", {"alarm": alarm.pk, "kind": alarm.kind})
    for incident in _told(alarm.stack, alarm.request):
        write_history(incident, by=by, at=at, lines=[line])
    data = {"kind": alarm.kind, "stack": alarm.stack_id, "manual_action": manual_action and manual_action.pk}
    trail.record("alarm:settled", subject=alarm, by=by, at=at, because=because, data=data)
    return alarm


def _told(stack: Stack, request: RecoveryRequest | None) -> list[Incident]:
    """Give the incidents of the stack that wait, and the one that a request was made for."""
    told = list(Incident.objects.filter(stack=stack, state__in=WAITING).order_by("-pk")[:MAX_TOLD])
    asked_for = request.incident if request else None
    return told if asked_for is None or asked_for in told else [*told, asked_for]

"""Settling an alarm: by an approver who had no part in it, once; the database holds to that, too."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.reconciliation.errors import AlarmSettled, AlarmUnknown, OwnAlarm, SettlingUnsaid
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.operations import end_alarm, settle_alarm
from awe_incidents.reconciliation.queries import open_alarms
from awe_incidents.recovery.errors import RoleRequired
from tests.conftest import SETUP
from tests.reconciliation.raising import raised, strayed
from tests.recovery.conftest import World, actor


def settle(alarm_id: int, user: User, because: str = "Grace did it, and told me") -> Alarm:
    return settle_alarm(alarm_id=alarm_id, user=user, by=actor(user), at=timezone.now(), because=because)


def test_an_approver_settles_it_once_with_a_reason(world: World, auditor: User) -> None:
    alarm = strayed(world.stack)
    for user in (world.operator, auditor):
        with pytest.raises(RoleRequired):
            settle(alarm.pk, user)
    with pytest.raises(SettlingUnsaid):
        settle(alarm.pk, world.approver, " ")
    assert list(open_alarms()) == [alarm]
    settled = settle(alarm.pk, world.approver)
    assert (settled.settler, settled.settled_by) == (world.approver, None)
    for again in (settle, lambda pk, user: end_alarm(alarm_id=pk, by=SETUP, at=timezone.now(), because="x")):
        with pytest.raises(AlarmSettled):
            again(alarm.pk, world.approver)
    with pytest.raises(AlarmUnknown):
        settle(0, world.approver)
    assert not open_alarms().exists()
    assert Entry.objects.get(verb="alarm:settled").actor == f"user:{world.approver.pk}"


def test_the_database_lets_nobody_settle_twice_nor_what_they_asked_for(world: World) -> None:
    request = world.ask()
    alarm = raised(world.stack, kind="approved_never_executed", key="execution:1", request=request)
    world.operator.roles = ["operator", "approver"]
    world.operator.save(update_fields=["roles"])
    with pytest.raises(OwnAlarm):
        settle(alarm.pk, world.operator)
    row, how = Alarm.objects.filter(pk=alarm.pk), {"settled_at": timezone.now(), "settled_because": "x"}
    with pytest.raises(IntegrityError, match="who asked for what alarm"), transaction.atomic():
        row.update(settler=world.operator, **how)
    settle(alarm.pk, world.approver)
    with pytest.raises(IntegrityError, match="was settled before"), transaction.atomic():
        row.update(settled_because="something else")

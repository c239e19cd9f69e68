"""Settling an alarm: by an approver who had no part in it, once; the database holds to that, too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import TimelineEntry
from awe_incidents.reconciliation.errors import AlarmSettled, AlarmUnknown, OwnAlarm, SettlingUnsaid
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.operations import end_alarm, settle_alarm
from awe_incidents.reconciliation.queries import open_alarms
from awe_incidents.recovery.errors import RoleRequired
from tests.api.conftest import token_of
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


@pytest.fixture
def said_at_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Settle by the command, as a person with a token and a password."""

    def say(user: User, *words: str, password: str = "approver-pass", scopes: Collection[Scope] | None = None) -> str:
        token, out = tmp_path / f"token-{user.pk}", StringIO()
        token.touch(mode=0o600)
        token.write_text(token_of(user, scopes=scopes))
        monkeypatch.setattr("sys.stdin", StringIO(f"{password}\n"))
        call_command("settle_alarm", *words, "--token-file", str(token), stdout=out)
        return out.getvalue()

    return say


def test_the_command_settles_by_a_persons_token_and_password(
    world: World, said_at_terminal: Callable[..., str]
) -> None:
    alarm = strayed(world.stack)
    for user in (world.operator, world.approver):
        user.set_password("approver-pass")
        user.save(update_fields=["password"])
    words = (str(alarm.pk), "--because", "I asked them")
    refusals: list[tuple[Callable[[], str], str, int]] = [
        (lambda: said_at_terminal(world.operator, *words), "takes the scope", 4),
        (lambda: said_at_terminal(world.approver, *words, scopes=[Scope.RECOVERY_READ]), "takes the scope", 4),
        (lambda: said_at_terminal(world.approver, *words, password="a guess"), "password", 4),
        (lambda: said_at_terminal(world.approver, "0", "--because", "x"), "there is no alarm 0", 1),
        (lambda: said_at_terminal(world.approver, str(alarm.pk), "--because", " "), "say why", 1),
    ]
    for refused, match, code in refusals:
        with pytest.raises(CommandError, match=match) as ended:
            refused()
        assert ended.value.returncode == code
    assert list(open_alarms()) == [alarm]
    assert said_at_terminal(world.approver, *words) == f"alarm {alarm.pk} is settled\n"
    with pytest.raises(CommandError, match="was settled at"):
        said_at_terminal(world.approver, *words)
    assert Alarm.objects.get().settler == world.approver
    assert Entry.objects.get(verb="alarm:settled").actor == f"user:{world.approver.pk}"


def test_the_timelines_of_open_incidents_say_that_it_is_settled_and_not_why(world: World) -> None:
    incident = world.incident()
    request = world.ask(incident=incident)
    alarm = raised(world.stack, kind="approved_never_executed", key="execution:1", request=request)
    settle(alarm.pk, world.approver, because="I asked them")
    line = TimelineEntry.objects.get(incident=incident, kind="alarm_settled")
    assert (line.text, line.actor) == (f"Alarm {alarm.pk} settled", f"user:{world.approver.username}")

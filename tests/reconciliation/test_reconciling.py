"""What engines tell becomes alarms, each once: rows, entries of the trail, lines of timelines."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.audit.state import alarms_of, trail_state
from awe_incidents.incidents.models import TimelineEntry
from awe_incidents.incidents.operations import open_incident
from awe_incidents.reconciliation import engine_look, queries, tasks
from awe_incidents.reconciliation import queue as doorbells
from awe_incidents.reconciliation.engine_look import KEPT_BY_ENGINE
from awe_incidents.reconciliation.models import Alarm, EngineWatch, JudgedEvent
from awe_incidents.reconciliation.operations import reconciling
from awe_incidents.reconciliation.states import AlarmKind, Cause
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations import execute, record_manual_action
from awe_incidents.recovery.operations.ending import expire_request
from diagnostics import queue
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import SETUP
from tests.reconciliation.conftest import STACK, Telltale
from tests.recovery.conftest import World, actor
from tests.triage.world import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def entries(verb: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(one.body)) for one in Entry.objects.filter(verb=verb).order_by("id")]


def by_hand(telltale: Telltale, user: User, **times: Any) -> Any:
    return record_manual_action(
        stack=telltale.stack,
        done_by="the night shift",
        user=user,
        by=actor(user),
        at=timezone.now(),
        because="it hung",
        **{"done_at": timezone.now(), **times},
    )


def test_a_strangers_restart_is_an_alarm_wherever_people_look(
    telltale: Telltale, operator: User, auditor: User
) -> None:
    incident = open_incident(stack=telltale.stack, title="slow", user=operator, by=actor(operator), at=timezone.now())
    telltale.happens_now().restart()
    assert telltale.reconcile().alarms == 1
    [alarm] = telltale.alarms()
    assert (alarm.kind, alarm.events, alarm.settled_at) == (AlarmKind.NOT_APPROVED, 5, None)
    assert alarm.says.startswith("executed, never approved: kill of api (api-id) at ")
    [entry] = entries("alarm:raised")
    assert (entry["incident"], entry["subject"]) == (incident.pk, {"type": "alarm", "id": str(alarm.pk)})
    assert [one["action"] for one in entry["data"]["listed"]] == ["kill", "die", "stop", "start", "restart"]
    line = TimelineEntry.objects.get(kind="alarm_raised")
    assert (line.incident_id, line.occurred_at) == (incident.pk, alarm.first_at)
    [words] = trail_state().raised
    assert words in alarms_of(trail_state())
    assert words.startswith(f"Alarm {alarm.pk}, stack shop: executed, never approved")
    assert words in html.unescape(signed_in(auditor).get("/admin/trail/").content.decode())


def test_the_same_events_are_never_told_twice(telltale: Telltale) -> None:
    telltale.happens_now().restart()
    telltale.reconcile()
    for _ in range(3):  # the engine tells all of them again each time
        assert telltale.reconcile().events == 0
    assert (len(telltale.alarms()), JudgedEvent.objects.count()) == (1, 5)


def test_what_was_before_the_first_look_is_not_judged(telltale: Telltale) -> None:
    EngineWatch.objects.all().delete()
    telltale.happens_now().restart()
    telltale.reconcile()
    telltale.reconcile()
    assert telltale.alarms() == []


def test_looks_health_checks_and_failures_are_no_alarm(telltale: Telltale) -> None:
    log = telltale.happens_now()
    log.run("id")
    log.run("/bin/sh -c curl -f http://localhost/health")
    log.crash()
    assert telltale.reconcile().alarms == 0
    assert [one.cause for one in JudgedEvent.objects.order_by("at")] == [Cause.ITSELF, Cause.ITSELF]


def test_a_strangers_command_is_redacted_and_can_be_erased(telltale: Telltale) -> None:
    telltale.happens_now().run("psql postgres://root:hunter2hunter2@db/shop -c DROP TABLE users")
    telltale.reconcile()
    [alarm] = telltale.alarms()
    assert "exec_start of api" in alarm.says
    assert "DROP TABLE users" in alarm.says
    assert "hunter2" not in alarm.says
    told = Disclosure.objects.get(field="private.commands", entry__verb="alarm:raised")
    assert "DROP TABLE users" in told.value
    assert "hunter2" not in told.value
    assert "DROP" not in json.dumps(entries("alarm:raised"))  # the signed bytes hold a commitment


def executed(telltale: Telltale, world: World, slug: str = "test.restart", *, shows: bool = True) -> Execution:
    """Carry out a request as a worker does; the engine shows a restart in the middle of it, or does not."""
    execution = world.ask(slug).execution
    execute(execution_id=execution.pk)
    execution.refresh_from_db()
    if shows:
        assert execution.started_at is not None
        telltale.log.now = max(execution.started_at, telltale.log.now)
        telltale.log.restart()
    return execution


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time have to pass until an execution that ended is judged."""
    monkeypatch.setattr(queries, "SKEW", timedelta())


def test_an_approved_execution_explains_what_the_engine_shows(
    telltale: Telltale, world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    execution = executed(telltale, world)
    assert execution.state == "succeeded"
    assert telltale.reconcile().events == 5
    telltale.reconcile()
    assert telltale.alarms() == []
    assert set(JudgedEvent.objects.values_list("execution", flat=True)) == {execution.pk}


def test_an_execution_that_says_it_is_done_and_left_no_trace_is_an_alarm(
    telltale: Telltale, world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    execution = executed(telltale, world, shows=False)
    telltale.reconcile()
    telltale.reconcile()
    [alarm] = telltale.alarms()
    assert alarm.kind == AlarmKind.NOT_EXECUTED
    assert alarm.says == (
        f"approved, never executed: execution {execution.pk} of test.restart ended as succeeded, "
        f"and the engine shows no restart of (api-id) (request {execution.request_id})"
    )
    assert entries("alarm:raised")[0]["data"]["request"] == execution.request_id


def test_of_what_no_engine_sees_nothing_is_demanded(
    telltale: Telltale, world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    executed(telltale, world, "test.write_at_once", shows=False)
    telltale.reconcile()
    assert telltale.alarms() == []


def test_an_approved_request_that_nobody_started_is_an_alarm(
    telltale: Telltale, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    request = world.ask("test.restart")
    monkeypatch.setattr("awe_incidents.recovery.operations.ending.database_now", lambda: timezone.now() + timedelta(2))
    assert expire_request(request_id=request.pk, by=SETUP, at=timezone.now())
    telltale.reconcile()
    telltale.reconcile()
    [alarm] = telltale.alarms()
    assert alarm.says == (
        f"approved, never executed: test.restart expired before anybody started it (request {request.pk})"
    )
    assert alarm.request == RecoveryRequest.objects.get()


def test_what_is_recorded_by_hand_explains_what_comes_and_settles_what_came(telltale: Telltale, operator: User) -> None:
    telltale.happens_now().restart()
    telltale.reconcile()
    done = by_hand(telltale, operator)
    telltale.happens_now().restart()  # within ten minutes, too
    telltale.reconcile()
    [alarm] = telltale.alarms()
    assert (alarm.settled_by, trail_state().raised) == (done, [])
    assert entries("alarm:settled")[0]["data"]["manual_action"] == done.pk


def test_what_was_done_by_hand_at_another_time_explains_nothing(telltale: Telltale, operator: User) -> None:
    by_hand(telltale, operator, done_at=timezone.now() - timedelta(hours=1))
    telltale.happens_now().restart()
    telltale.reconcile()
    telltale.reconcile()
    assert [one.settled_at for one in telltale.alarms()] == [None]


def test_an_engine_that_forgot_is_said_and_its_own_starts_are_no_alarm(telltale: Telltale) -> None:
    log = telltale.happens_now()
    log.kept.clear()  # as after a restart of the engine
    log.later(seconds=1)
    log.tell("start")
    log.now = timezone.now()
    telltale.reconcile()
    telltale.reconcile()
    [alarm] = telltale.alarms()
    assert alarm.kind == AlarmKind.NOT_LOOKED_AT
    assert alarm.says.startswith("the engine has no events any more from ")
    assert [one.cause for one in JudgedEvent.objects.all()] == [Cause.ITSELF]


def test_more_events_than_an_engine_keeps_are_said(telltale: Telltale) -> None:
    log = telltale.happens_now()
    for _ in range(KEPT_BY_ENGINE):
        log.run("id")
    del log.kept[:-KEPT_BY_ENGINE]
    telltale.reconcile()
    assert [one.kind for one in telltale.alarms()] == [AlarmKind.NOT_LOOKED_AT]


def test_in_a_span_that_could_not_be_looked_at_no_execution_is_doubted(
    telltale: Telltale, world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    executed(telltale, world, shows=False)
    telltale.log.kept.clear()
    telltale.reconcile()
    telltale.reconcile()
    assert [one.kind for one in telltale.alarms()] == [AlarmKind.NOT_LOOKED_AT]


def away(telltale: Telltale) -> None:
    """Let the engine hang up on whoever asks."""
    telltale.stack.document["engine"]["url"] = "tcp://127.0.0.1:1"


def test_an_engine_that_is_away_is_caught_up_with_and_told_when_it_was_for_long(
    telltale: Telltale,
) -> None:
    log = telltale.happens_now()
    log.is_away = True
    log.restart()
    failed = telltale.reconcile()
    assert (failed.looked, bool(failed.failure), failed.alarms) == (False, True, 0)
    watch = EngineWatch.objects.get()
    assert (watch.failures, watch.failing_since is not None) == (1, True)
    EngineWatch.objects.update(failing_since=timezone.now() - timedelta(minutes=11))
    telltale.reconcile()
    telltale.reconcile()
    assert [one.kind for one in telltale.alarms()] == [AlarmKind.ENGINE_SILENT]
    log.is_away = False
    assert telltale.reconcile().events == 5
    silent, restarted = telltale.alarms()
    assert (silent.settled_because, restarted.kind) == ("the engine answers again", AlarmKind.NOT_APPROVED)
    assert EngineWatch.objects.get().failures == 0


def test_an_engine_that_never_answered_is_asked_less_often_and_judged_from_the_first_try(telltale: Telltale) -> None:
    EngineWatch.objects.all().delete()
    log = telltale.happens_now()
    log.is_away = True
    assert telltale.reconcile().failure
    EngineWatch.objects.update(due_at=timezone.now())
    assert telltale.reconcile(is_due=True).failure
    watch = EngineWatch.objects.get()
    assert (watch.failures, watch.mark) == (2, "")
    telltale.happens_now().restart()
    log.is_away = False
    assert telltale.reconcile().alarms == 1


def test_another_engine_is_begun_with_afresh(telltale: Telltale, tmp_path: Any) -> None:
    text = STACK.format(url=telltale.stack.document["engine"]["url"]).replace('project = "shop"', 'project = "store"')
    apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now())
    before = EngineWatch.objects.get().engine
    telltale.reconcile()
    assert EngineWatch.objects.get().engine != before


def test_two_that_look_at_once_tell_it_once(telltale: Telltale, monkeypatch: pytest.MonkeyPatch) -> None:
    telltale.happens_now().restart()
    look = engine_look.look

    def looks_slowly(*arguments: Any) -> Any:
        monkeypatch.setattr(reconciling, "look", look)
        found = look(*arguments)
        assert telltale.reconcile().alarms == 1  # somebody is faster meanwhile
        return found

    monkeypatch.setattr(reconciling, "look", looks_slowly)
    assert telltale.reconcile().looked is False
    assert len(telltale.alarms()) == 1


def test_nothing_is_stored_without_its_entry(telltale: Telltale, monkeypatch: pytest.MonkeyPatch) -> None:
    telltale.happens_now().restart()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")

    def refuses(*_: Any, **__: Any) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("awe_incidents.audit.trail._insert", refuses)
        assert telltale.reconcile().failure == "looking at it failed (TrailUnavailable)"
    assert (Alarm.objects.count(), JudgedEvent.objects.count()) == (0, 0)
    assert telltale.reconcile().alarms == 1  # the next look has all of it


def test_beat_rings_for_stacks_that_are_due_and_no_sooner(telltale: Telltale, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(queue._bell, "ring", lambda task, stack_id: rung.append((task, stack_id)))
    EngineWatch.objects.update(due_at=timezone.now() + timedelta(hours=1))
    tasks.reconcile_due()
    assert rung == []
    assert telltale.reconcile(is_due=True).looked is False
    EngineWatch.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.reconcile_due()
    assert rung == [(doorbells.RECONCILE_STACK, telltale.stack.pk)]
    telltale.happens_now().restart()
    tasks.reconcile_stack(stack_id=telltale.stack.pk)
    assert len(telltale.alarms()) == 1
    tasks.reconcile_stack(stack_id=telltale.stack.pk + 1)  # of a stack that is gone


def told(command: str, *words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command(command, *words, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_commands_look_at_once(telltale: Telltale) -> None:
    assert told("reconcile_stacks", "shop") == (0, "shop: 0 events that changed something, 0 new alarms\n")
    telltale.happens_now().restart()
    code, words = told("reconcile_stacks")
    [alarm] = telltale.alarms()
    assert (code, words.count("ALARM")) == (1, 1)
    assert f"ALARM {alarm.pk} of stack shop" in words
    code, words = told("trail_status")
    assert (code, f"ALARM Alarm {alarm.pk}, stack shop: executed" in words) == (1, True)
    with pytest.raises(CommandError, match="there is no stack"):
        call_command("reconcile_stacks", "nowhere")


def test_the_database_keeps_what_was_judged_and_lets_alarms_be_settled_only(telltale: Telltale, operator: User) -> None:
    telltale.happens_now().restart()
    telltale.reconcile()
    for statement in (
        "UPDATE reconciliation_judgedevent SET cause = 'execution'",
        "DELETE FROM reconciliation_judgedevent",
        "UPDATE reconciliation_alarm SET says = 'nothing'",
        "DELETE FROM reconciliation_alarm",
        "UPDATE reconciliation_alarm SET settled_at = now()",  # without a reason
        "UPDATE reconciliation_alarm SET settler_id = (SELECT min(id) FROM accounts_user)",  # of what is open
    ):
        with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

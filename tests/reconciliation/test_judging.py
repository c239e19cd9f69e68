"""Whom each event is put down to: pure, over lists of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from awe_incidents.reconciliation.happenings import ContainerFacts, Happening, happenings
from awe_incidents.reconciliation.judging import Explanation, Judge, Judged
from awe_incidents.reconciliation.showing import lacking
from awe_incidents.reconciliation.states import Cause
from awe_incidents.recovery.actions.traces import Trace, anything_on, digest_of_command, exec_once
from diagnostics.probes.programs import BRIDGE
from tests.reconciliation.telling import EventLog, recorded

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEALTH = "/bin/sh -c curl -f http://localhost/health"
API = ContainerFacts("api", digest_of_command(HEALTH), restarts=True)
RESTARTED = frozenset({"kill", "die", "stop", "start", "restart"})
RESTART = Trace(actions=RESTARTED, container="api-id", shows="restart")


@pytest.fixture
def log() -> EventLog:
    return EventLog(now=BEGAN)


def executing(*traces: Trace, since: datetime = BEGAN, until: datetime = BEGAN + HOUR, number: int = 7) -> Explanation:
    return Explanation(Cause.EXECUTION, number, since, until, traces)


def seen(log: EventLog) -> list[Happening]:
    return list(happenings(log.events(), project="shop", offset=timedelta()))


def judged(log: EventLog, *explanations: Explanation, earlier: Sequence[Judged] = (), **more: object) -> list[Judged]:
    judge = Judge(explanations, {"api-id": API}, earlier, **more)  # type: ignore[arg-type]
    return [one for happening in seen(log) if (one := judge.judge(happening))]


def causes(found: Sequence[Judged]) -> list[tuple[str, Cause]]:
    return [(one.happening.action, one.cause) for one in found]


def alarms(found: Sequence[Judged]) -> list[str]:
    return [one.happening.action for one in found if one.is_alarm]


def test_a_restart_by_a_stranger_is_told_from_its_signal_and_its_start(log: EventLog) -> None:
    log.restart()
    found = judged(log)
    assert {one.cause for one in found} == {Cause.NOBODY}
    assert alarms(found) == ["kill", "start"]  # the rest follows from these


def test_an_approved_restart_is_put_down_to_its_execution(log: EventLog) -> None:
    log.restart()
    found = judged(log, executing(RESTART))
    assert causes(found) == [(action, Cause.EXECUTION) for action in ("kill", "die", "stop", "start", "restart")]
    assert {one.explanation_id for one in found} == {7}


def test_a_second_restart_while_one_was_approved_is_nobodys(log: EventLog) -> None:
    log.restart()
    log.later(seconds=5)
    log.restart()
    assert alarms(judged(log, executing(RESTART))) == ["start"]


def test_the_signal_may_be_followed_by_force(log: EventLog) -> None:
    log.tell("kill", signal="15")
    log.later(seconds=10)
    log.tell("kill", signal="9")
    for action in ("die", "stop", "start", "restart"):
        log.tell(action)
    assert alarms(judged(log, executing(RESTART))) == []


@pytest.mark.parametrize("minutes", [-61, 61])
def test_what_happened_at_another_time_is_not_what_was_approved(log: EventLog, minutes: int) -> None:
    log.now += timedelta(minutes=minutes)
    log.restart()
    assert alarms(judged(log, executing(RESTART))) == ["kill", "start"]


def test_another_container_is_not_what_was_approved(log: EventLog) -> None:
    log.restart("worker")
    assert alarms(judged(log, executing(RESTART))) == ["kill", "start"]


def test_a_container_that_fails_and_is_started_by_its_policy_is_no_alarm(log: EventLog) -> None:
    for _ in range(3):
        log.crash()
        log.later(seconds=20)
    assert {one.cause for one in judged(log)} == {Cause.ITSELF}


def test_a_start_without_a_policy_or_long_after_the_end_is_somebodys(log: EventLog) -> None:
    log.crash("worker")  # of which no policy is known
    assert alarms(judged(log)) == ["start"]
    log.kept.clear()
    log.tell("die")
    log.later(seconds=200)
    log.tell("start")
    assert alarms(judged(log)) == ["start"]


def test_no_policy_starts_what_somebody_stopped(log: EventLog) -> None:
    log.stop()
    log.tell("start")
    assert alarms(judged(log)) == ["kill", "start"]


def test_a_signal_that_programs_go_on_after_explains_no_end(log: EventLog) -> None:
    log.tell("kill", signal="1")
    log.later(seconds=30)
    log.crash()
    assert alarms(judged(log)) == ["kill"]


def test_looks_and_health_checks_are_no_alarm_and_whatever_else_is_run_is(log: EventLog) -> None:
    for command in ("id", f"bash -c {BRIDGE} db 5432", HEALTH, "psql -c DROP TABLE users"):
        log.run(command)
    found = judged(log)
    assert [one.cause for one in found] == [Cause.LOOK, Cause.LOOK, Cause.HEALTH, Cause.NOBODY]
    assert found[-1].happening.command == "psql -c DROP TABLE users"


def test_an_approved_program_is_told_from_another_at_the_same_time(log: EventLog) -> None:
    log.run("alembic upgrade head")
    log.run("alembic upgrade head")  # again, and nobody approved that
    log.run("alembic downgrade base")
    found = judged(log, executing(exec_once("api", "alembic", "upgrade", "head")))
    assert [one.cause for one in found] == [Cause.EXECUTION, Cause.NOBODY, Cause.NOBODY]


def test_compose_within_an_execution_on_the_whole_stack_is_explained(log: EventLog) -> None:
    for service in ("api", "worker"):
        log.stop(service)
        log.tell("destroy", service)
    for service in ("api", "worker"):
        log.tell("create", service)
        log.tell("start", service)
    assert alarms(judged(log, executing(anything_on("")))) == []
    assert alarms(judged(log, executing(anything_on("worker/db"))))[:2] == ["kill", "destroy"]
    assert len(alarms(judged(log))) == 8


def test_what_was_done_by_hand_explains_what_is_around_it(log: EventLog) -> None:
    log.restart()
    by_hand = Explanation(Cause.MANUAL_ACTION, 3, BEGAN - HOUR, BEGAN + HOUR)
    assert causes(judged(log, by_hand))[0] == ("kill", Cause.MANUAL_ACTION)
    # An execution comes first: it is known more exactly.
    assert causes(judged(log, executing(RESTART), by_hand))[0] == ("kill", Cause.EXECUTION)


def test_the_token_of_an_execution_is_its_own_and_left_alone(log: EventLog) -> None:
    log.tell("create", "", name="awe-recovery-7-1")
    log.tell("create", "", name="awe-recovery-8-1")
    log.tell("destroy", "", name="awe-recovery-7-1")
    found = judged(log, executing())
    assert [one.cause for one in found] == [Cause.EXECUTION, Cause.NOBODY, Cause.NOBODY]


def test_other_projects_are_not_looked_at(log: EventLog) -> None:
    log.project = "another"
    log.restart()
    assert seen(log) == []


@pytest.mark.parametrize("cut", range(1, 6))
def test_looks_may_cut_anywhere(log: EventLog, cut: int) -> None:
    log.restart()
    log.later(seconds=1)
    log.restart()
    whole = judged(log, executing(RESTART))
    events = list(log.kept)
    log.kept = events[:cut]
    first = judged(log, executing(RESTART))
    log.kept = events[cut:]
    assert first + judged(log, executing(RESTART), earlier=first) == whole


def test_the_engines_own_starts_after_it_was_blind_are_no_alarm(log: EventLog) -> None:
    log.tell("start")
    assert alarms(judged(log)) == ["start"]
    assert alarms(judged(log, blind_until=BEGAN)) == []
    assert alarms(judged(log, blind_until=BEGAN - HOUR)) == ["start"]


def test_what_an_execution_should_have_shown_is_named(log: EventLog) -> None:
    traces = [RESTART, exec_once("db", "pg_dump"), Trace(service="api")]
    assert [str(one) for one in lacking(traces, [])] == ["no restart of (api-id)", "no exec_start of db"]
    log.restart()
    log.run("pg_dump", "db")
    assert lacking(traces, seen(log)) == []
    assert lacking([anything_on("")], []) == []


HEALTH_OF = {
    "api": "python /app/healthcheck.py api",
    "gateway": "python /app/healthcheck.py api",
    "runner": "python /app/healthcheck.py worker",
    "broker": "redis-cli ping",
    "store": "/bin/sh -c pg_isready -U postgres -d ai_workflow_engine",
    "pool": "/bin/sh -c pg_isready -h 127.0.0.1 -p 6432 -U awe_app -d ai_workflow_engine",
    "door": "bash -c exec 3<>/dev/tcp/127.0.0.1/8443",
}


def judged_lab(*explanations: Explanation) -> list[Judged]:
    """Judge what the engine of the lab told while its tests ran: checks looked, and somebody stopped the proxy."""
    found = sorted(happenings(recorded("lab"), project="floor-two", offset=timedelta()), key=lambda one: one.at)
    containers = {
        one.container: ContainerFacts(one.service, digest_of_command(HEALTH_OF[one.service]), restarts=True)
        for one in found
    }
    judge = Judge(explanations, containers)
    return [one for happening in found if (one := judge.judge(happening))]


def test_of_what_a_real_engine_told_only_the_strangers_doing_is_an_alarm() -> None:
    found = judged_lab()
    assert [one.happening.action for one in found if one.cause is Cause.HEALTH].count("exec_start") == 73
    assert len([one for one in found if one.cause is Cause.LOOK]) == 5
    told = [(one.happening.service, one.happening.action) for one in found if one.is_alarm]
    assert told == [*[("store", "exec_start")] * 3, ("door", "kill"), ("door", "start")]


def test_of_what_a_real_engine_told_an_execution_explains_its_own_part() -> None:
    first = next(one.happening for one in judged_lab() if one.happening.action == "kill")
    actions = frozenset({"kill", "die", "stop", "start"})
    trace = Trace(actions=actions, container=first.container, shows="start")
    since, until = first.at - timedelta(seconds=1), first.at + timedelta(seconds=30)
    found = judged_lab(executing(trace, since=since, until=until))
    assert {one.happening.service for one in found if one.is_alarm} == {"store"}
    mine = [one.happening for one in found if one.cause is Cause.EXECUTION]
    assert [one.action for one in mine] == ["kill", "die", "stop", "start"]
    assert lacking([trace], mine) == []


def judged_alone(name: str, *explanations: Explanation) -> list[Judged]:
    """Judge what an engine told of the one container of tests/docker/test_reconciliation.py."""
    told = happenings(recorded(name), project="awe-reconciliation-test", offset=timedelta())
    found = sorted(told, key=lambda one: one.at)
    facts = ContainerFacts("api", digest_of_command("/bin/sh -c test -e /etc/hosts"), restarts=True)
    judge = Judge(explanations, {one.container: facts for one in found if one.service})
    return [one for happening in found if (one := judge.judge(happening))]


def test_of_what_a_real_engine_told_an_approved_restart_is_told_from_a_strangers_stop_and_start() -> None:
    token = next(one.happening for one in judged_alone("strangers") if one.happening.execution_id == 1)
    restarted = next(one.happening for one in judged_alone("strangers") if one.happening.action == "restart")
    trace = Trace(actions=RESTARTED, container=restarted.container, shows="restart")
    until = restarted.at + timedelta(seconds=5)
    found = judged_alone("strangers", executing(trace, since=token.at, until=until, number=1))
    approved = [one.happening.action for one in found if one.cause is Cause.EXECUTION]
    assert approved == ["create", "kill", "die", "stop", "start", "restart"]
    assert alarms(found) == ["kill", "start", "exec_start"]


def test_of_what_a_real_engine_told_its_own_start_after_a_failure_is_no_alarm() -> None:
    found = judged_alone("policy")
    assert [one.happening.command for one in found if one.is_alarm] == ["kill -9 1", "sh -c kill 1"]
    assert [one.happening.action for one in found if one.cause is Cause.ITSELF] == ["die", "start"]

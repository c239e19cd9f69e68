"""A worker is killed or stopped at any point: the effect is counted at the target, and never happens twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations import stepping
from awe_incidents.recovery.operations.holding import LEASE_SECONDS, Held
from tests.audit import rows
from tests.recovery.conftest import SEED, World, end_of, in_letters
from tests.recovery.dying import MARK

pytestmark = pytest.mark.django_db(transaction=True)
KILLS = int(os.environ.get("AWE_RECOVERY_KILLS", "20"))
SHORT_LEASE_SECONDS = 3.0
HELD = {"claimed", "running", "verifying", "cancelling"}


def start(execution: Execution, *, lease_seconds: float = LEASE_SECONDS) -> subprocess.Popen[str]:
    environment = rows.environment(rows.APPLICATION)
    return rows.start("-m", "tests.recovery.dying", str(execution.pk), str(lease_seconds), env=environment)


class Workers:
    """Workers one after the other, each a process that begins at once."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.recovery.dying", "serve"],
            env=rows.environment(rows.APPLICATION),
            cwd=rows.ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid = 0

    def begin(self, execution: Execution, *, point: str = "-") -> None:
        self._say(f"{execution.pk} {point}")
        self.pid = int(self._said())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        self._say("wait for it")
        assert self._said() == "ended"

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _said(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(MARK):
                return line.split()[1]
        raise AssertionError("the workers' process is gone")


@pytest.fixture(scope="module")
def workers(django_db_setup: None) -> Iterator[Workers]:
    made = Workers()
    yield made
    made.process.kill()
    made.process.communicate()


def wait_for(execution: Execution, *states: str, seconds: float = 60) -> str:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        execution.refresh_from_db()
        if execution.state in states:
            return execution.state
        time.sleep(0.02)
    raise AssertionError(f"it is {execution.state}")


def wait_for_step(execution: Execution) -> None:
    for _ in range(3000):
        if execution.steps.filter(state="started").exists():
            return
        time.sleep(0.02)
    raise AssertionError("no step was started")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def wait_until(is_true: Callable[[], bool], *, seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def sweep_until(execution: Execution, *states: str, seconds: float = 60) -> None:
    """Let the sweeper look, as it does all the time, until it has come to one of these states."""
    ends_at = time.monotonic() + seconds
    while end_of(execution)[0] not in states:
        assert time.monotonic() < ends_at, execution.state
        operations.sweep_recovery(at=timezone.now())
        time.sleep(0.2)


def written(execution: Execution) -> list[object]:
    """Give everything that a worker writes while it has an execution."""
    return [
        Execution.objects.filter(pk=execution.pk).values().get(),
        RecoveryRequest.objects.filter(pk=execution.request_id).values().get(),
        list(execution.steps.order_by("number").values()),
        list(execution.output.order_by("number").values()),
        list(Entry.objects.order_by("id").values_list("verb", flat=True)),
    ]


def let_the_lease_run_out(execution: Execution) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recovery_execution SET lease_until = now() - interval '1 s'"
            " WHERE id = %s AND lease_until IS NOT NULL",
            [execution.pk],
        )
    operations.sweep_recovery(at=timezone.now())


@pytest.mark.recovery_fault("worker killed", counted="lines that the target got")
def test_a_worker_killed_in_a_step_leaves_an_unknown_outcome_that_a_look_clears_up(
    world: World, signed_trail: None
) -> None:
    execution = world.queued(mood="slow")
    process = start(execution)
    wait_for(execution, "running")
    kill(process)
    operations.sweep_recovery(at=timezone.now())
    assert end_of(execution)[0] == "running"  # its lease goes on: nobody may say that it is lost
    let_the_lease_run_out(execution)
    assert end_of(execution) == ("outcome_unknown", "unknown", "executing")
    with pytest.raises(NotClaimed):
        operations.execute(execution_id=execution.pk)
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("not_started", "none", "done")
    assert world.lines() == []


@pytest.mark.recovery_fault("worker stopped", counted="lines that the target got; every row that a worker writes")
def test_a_worker_that_was_stopped_past_its_lease_does_no_further_step(world: World, signed_trail: None) -> None:
    execution = world.queued(mood="slow", lines=3)
    process = start(execution, lease_seconds=SHORT_LEASE_SECONDS)
    wait_for_step(execution)
    process.send_signal(signal.SIGSTOP)
    sweep_until(execution, "outcome_unknown")  # by the database's clock, and nobody helps it on
    before = written(execution)
    (world.root / "target.go").touch()
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=60)
    assert "lease was lost" in output
    assert world.lines() == []
    assert written(execution) == before
    assert end_of(execution)[0] == "outcome_unknown"


@pytest.mark.recovery_fault("worker stopped", counted="lines that the target got; every row that a worker writes")
def test_a_worker_stopped_in_its_effect_past_its_lease_does_that_one_and_writes_nothing(
    world: World, signed_trail: None
) -> None:
    execution = world.queued(mood="lingers", lines=3)
    process = start(execution, lease_seconds=SHORT_LEASE_SECONDS)
    wait_until(lambda: len(world.lines()) == 1)
    process.send_signal(signal.SIGSTOP)
    sweep_until(execution, "outcome_unknown")
    before = written(execution)
    (world.root / "target.go").touch()
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=60)
    assert "lease was lost" in output
    assert len(world.lines()) == 1
    assert written(execution) == before
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("failed", "partial", "done")


def test_the_sweeper_waits_for_nobody_who_was_stopped_in_a_transaction(world: World) -> None:
    execution = world.queued()
    with connection.cursor() as cursor, rows.connected() as stopped, stopped.transaction():
        stopped.execute("SELECT FROM recovery_recoveryrequest WHERE id = %s FOR UPDATE", [execution.request_id])
        cursor.execute("SET statement_timeout = '2s'")
        try:
            operations.sweep_recovery(at=timezone.now())
        finally:
            cursor.execute("SET statement_timeout = 0")
    assert end_of(execution)[0] == "queued"


@pytest.mark.recovery_fault("worker stopped", counted="lines that the target got")
def test_a_worker_whose_time_was_up_behind_the_row_of_its_step_does_not_do_it(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, note = world.queued(lines=2), stepping._note_started

    def note_and_stop(held: Held, number: int) -> str | None:
        token = note(held, number)
        let_the_lease_run_out(execution)
        return token

    monkeypatch.setattr(stepping, "_note_started", note_and_stop)
    operations.execute(execution_id=execution.pk)
    assert world.lines() == []
    assert end_of(execution) == ("outcome_unknown", "unknown", "executing")


def test_before_the_first_step_is_noted_nothing_was_done_whatever_the_target_looks_like(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.queued()

    def stop(held: Held, number: int) -> str | None:
        let_the_lease_run_out(execution)
        held.check()
        return None

    monkeypatch.setattr(stepping, "_note_started", stop)
    operations.execute(execution_id=execution.pk)
    assert end_of(execution)[0] == "outcome_unknown"
    (world.root / "target").write_text("by somebody else\n")
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("not_started", "none", "done")


@pytest.mark.parametrize(
    ("point", "states", "lines"),
    [
        ("before_claim", ("queued", "succeeded"), 2),
        ("after_claim", ("claimed", "not_started"), 0),
        ("after_intent", ("claimed", "not_started"), 0),
        ("mid_effect", ("running", "not_started"), 0),
        ("after_effect", ("running", "failed"), 1),  # the first of two steps
        ("in_verification", ("verifying", "succeeded"), 2),
    ],
)
@pytest.mark.recovery_fault("worker killed", counted="lines that the target got")
def test_a_worker_killed_at_a_point_leaves_what_a_look_finds(
    world: World, signed_trail: None, workers: Workers, point: str, states: tuple[str, str], lines: int
) -> None:
    execution = world.queued(lines=2)
    workers.begin(execution, point=point)
    workers.end()
    assert end_of(execution)[0] == states[0]
    if states[0] != "queued":
        let_the_lease_run_out(execution)
        assert end_of(execution)[0] == "outcome_unknown"
        with pytest.raises(NotClaimed):
            operations.execute(execution_id=execution.pk)
    _end(execution)
    assert end_of(execution)[0] == states[1]
    assert len(world.lines()) == lines


@pytest.mark.recovery_fault("PostgreSQL restarted", counted="lines that the target got")
def test_a_worker_whose_connections_are_cut_does_no_further_step_and_is_found_out(
    world: World, signed_trail: None, workers: Workers
) -> None:
    execution = world.queued(mood="slow", lines=3)
    with rows.connected(rows.SUPERUSER) as superuser:
        before = [pid for (pid,) in superuser.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        workers.begin(execution)
        wait_for_step(execution)
        for _ in range(10):  # as a restart of PostgreSQL does, and longer than one renewal of a connection
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> ALL (%s) AND pid <> pg_backend_pid()",
                [before],
            )
            time.sleep(0.1)
    (world.root / "target.go").touch()
    workers.end()
    let_the_lease_run_out(execution)
    _end(execution)
    assert end_of(execution) == ("not_started", "none", "done")
    assert world.lines() == []


@pytest.mark.recovery_fault("worker killed", counted="lines that each of 20 (nightly 200) targets got, each token once")
def test_kills_at_random_points_end_in_states_that_fit_the_target(
    world: World, signed_trail: None, workers: Workers
) -> None:
    print(f"AWE_RECOVERY_SEED={SEED}")
    chance = random.Random(SEED)
    took = min(_whole(world.queued(file=file, lines=3), workers) for file in ("whole", "again"))
    seen = Counter[str]()
    for number in range(KILLS):
        execution = world.queued(file=in_letters(number), lines=3)
        workers.begin(execution)
        threading.Event().wait(chance.uniform(0.0, 1.0) * took)
        workers.kill()
        seen[end_of(execution)[0]] += 1
        _end(execution)
        lines = world.lines(execution.request.terms.parameters["file"])
        state, effect, request = end_of(execution)
        assert len(lines) == len(set(lines)), f"a step was done twice: AWE_RECOVERY_SEED={SEED}"
        assert request == "done"
        expected = {0: "not_started", 1: "failed", 2: "failed", 3: "succeeded"}[len(lines)]
        assert (state, SEED) == (expected, SEED)
        assert effect == {"not_started": "none", "failed": "partial", "succeeded": "whole"}[state]
    print(f"killed while it was: {dict(seen)}")


def _whole(execution: Execution, workers: Workers) -> float:
    began = time.monotonic()
    workers.begin(execution)
    workers.end()
    assert end_of(execution)[0] == "succeeded"
    return time.monotonic() - began


def _end(execution: Execution) -> None:
    """Do what sweeper and workers do until it has ended."""
    for _ in range(3):
        execution.refresh_from_db()
        if execution.state in HELD:
            let_the_lease_run_out(execution)
        elif execution.state == "queued":
            operations.execute(execution_id=execution.pk)
        elif execution.state == "outcome_unknown":
            operations.reconcile(execution_id=execution.pk)
        else:
            return
    execution.refresh_from_db()
    assert execution.state not in {*HELD, "queued", "outcome_unknown"}

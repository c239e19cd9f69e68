"""Runs by the clock: due rows are the truth; rings may be lost, doubled, late and at once in two places."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.celery import HOUSEKEEPING_QUEUE, SCHEDULE_SECONDS, app
from diagnostics import operations, queries, queue, tasks
from diagnostics.models import Run, Stack, StackSchedule
from diagnostics.operations import runs, scheduling
from diagnostics.operations.runs import RUN_SECONDS, close_run
from diagnostics.queries import seconds
from diagnostics.stack import parse_toml
from diagnostics.states import RunState
from tests.conftest import PLAIN_STACK, SETUP

pytestmark = pytest.mark.django_db(transaction=True)

Rings = list[tuple[str, dict[str, int]]]
EVERY = timedelta(minutes=15)


def apply(folder: Path, table: str = "every_minutes = 15", *, name: str = "plain") -> Stack:
    text = PLAIN_STACK.replace('"plain"', f'"{name}"') + (f"[schedule]\n{table}\n" if table else "")
    return operations.apply_stack(config=parse_toml(text, folder=folder), by=SETUP, at=timezone.now()).stack


@pytest.fixture
def stack(transactional_db: None, rings: Rings, tmp_path: Path) -> Stack:
    """A stack that is looked at every 15 minutes."""
    return apply(tmp_path)


def ring() -> int:
    return operations.request_due_runs(at=timezone.now())


def finish(run: Run) -> None:
    assert close_run(run_id=run.pk, code="run.deadline", message="enough", at=timezone.now())


def let_pass(time: timedelta) -> None:
    """Let the clock go on, for the rows."""
    for row in StackSchedule.objects.all():
        StackSchedule.objects.filter(pk=row.pk).update(due_at=row.due_at - time)


def ahead(stack: Stack) -> timedelta:
    """Give how far ahead the next run is."""
    return StackSchedule.objects.get(stack=stack).due_at - timezone.now()


def test_a_new_schedule_is_due_at_once_and_its_run_is_an_ordinary_one(stack: Stack, rings: Rings) -> None:
    assert ring() == 1

    run = Run.objects.get()
    assert (run.stack, run.suite, run.is_scheduled, run.state) == (stack, "health", True, RunState.QUEUED)
    assert (queue.START_RUN, {"run_id": run.pk}) in rings
    entry = Entry.objects.get(verb="run:requested")
    assert (entry.actor, entry.subject_id) == ("service:scheduler", str(run.pk))
    assert operations.start_run(run_id=run.pk, at=timezone.now())
    assert timedelta(0) < ahead(stack) <= EVERY


def test_nothing_is_requested_before_its_time(stack: Stack) -> None:
    assert ring() == 1
    finish(Run.objects.get())
    assert ring() == 0
    let_pass(EVERY - timedelta(seconds=5))
    assert ring() == 0
    let_pass(timedelta(seconds=6))
    assert ring() == 1


def test_a_stack_without_the_table_is_left_alone(transactional_db: None, rings: Rings, tmp_path: Path) -> None:
    apply(tmp_path, "")
    assert ring() == 0
    assert not StackSchedule.objects.exists()


def test_a_day_without_beat_gives_one_run_on_the_old_grid(stack: Stack) -> None:
    ring()
    finish(Run.objects.get())
    grid = StackSchedule.objects.get().due_at
    let_pass(timedelta(days=1, minutes=7))

    assert [ring() for _ in range(5)] == [1, 0, 0, 0, 0]
    finish(Run.objects.get(state=RunState.QUEUED))
    assert ring() == 0, "what was missed is not made up for"
    moved = StackSchedule.objects.get().due_at - (grid - timedelta(days=1, minutes=7))
    assert moved % EVERY == timedelta(0)
    assert timedelta(0) < ahead(stack) <= EVERY


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_a_stack_whose_scheduled_run_still_goes_gets_no_second(stack: Stack, state: RunState) -> None:
    ring()
    run = Run.objects.get()
    if state is RunState.RUNNING:
        operations.start_run(run_id=run.pk, at=timezone.now())
    let_pass(4 * EVERY)
    assert ring() == 0
    finish(run)
    assert [ring(), ring()] == [1, 0]


def test_a_run_that_somebody_asked_for_keeps_no_scheduled_one_away(stack: Stack) -> None:
    operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    assert ring() == 1


def test_the_database_lets_no_second_scheduled_run_be_open(stack: Stack) -> None:
    ring()
    with pytest.raises(IntegrityError, match="run_scheduled_once"), transaction.atomic():
        operations.request_run(stack=stack, suite_name="ssl", reason="x", at=timezone.now(), is_scheduled=True)
    finish(Run.objects.get())
    operations.request_run(stack=stack, suite_name="ssl", reason="x", at=timezone.now(), is_scheduled=True)


@pytest.mark.parametrize(
    ("columns", "name"), [({"every": timedelta(seconds=59)}, "schedule_every"), ({"suite": "x"}, "schedule_suite")]
)
def test_the_database_refuses_what_is_no_schedule(stack: Stack, columns: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        StackSchedule.objects.update(**columns)


def test_two_beats_at_the_same_instant_make_one_run_a_stack(
    transactional_db: None, rings: Rings, tmp_path: Path
) -> None:
    for number in range(12):
        apply(tmp_path, name=f"stack-{number}")
    together = threading.Barrier(4)

    def claim() -> int:
        try:
            together.wait(timeout=10)
            return ring()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        requested = [one.result(timeout=30) for one in [pool.submit(claim) for _ in range(4)]]
    ring()  # for a stack whose lock one held while another passed by

    assert sum(requested) <= 12
    assert Run.objects.count() == 12
    assert set(Run.objects.values_list("stack__name", flat=True)) == {f"stack-{number}" for number in range(12)}


def test_who_comes_second_after_the_lock_finds_nothing_due(stack: Stack) -> None:
    """The one that read the stack as due, and is slow, decides on what is, not on what it read."""
    [stack_id] = queries.due_schedules().values_list("stack_id", flat=True)
    assert ring() == 1
    assert not scheduling.request_scheduled_run(stack_id=stack_id, at=timezone.now())
    finish(Run.objects.get())
    assert not scheduling.request_scheduled_run(stack_id=stack_id, at=timezone.now())


def test_a_stack_that_somebody_holds_is_left_to_the_next_ring_and_keeps_no_other_waiting(
    stack: Stack, tmp_path: Path
) -> None:
    other = apply(tmp_path, name="other")
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Stack.objects.select_for_update().get(pk=stack.pk)
                held.set()
                go_on.wait(timeout=10)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(timeout=10)
    try:
        assert ring() == 1
        assert Run.objects.get().stack == other
    finally:
        go_on.set()
        holder.join(timeout=10)
    assert ring() == 1


def test_applying_a_description_while_runs_are_requested_deadlocks_nobody(stack: Stack, tmp_path: Path) -> None:
    def change() -> None:
        try:
            for number in range(20):
                apply(tmp_path, f"every_minutes = {number + 1}")
        finally:
            connection.close()

    changing = threading.Thread(target=change)
    changing.start()
    while changing.is_alive():
        StackSchedule.objects.update(due_at=Now())
        ring()
        for run in Run.objects.exclude(state=RunState.FINISHED):
            finish(run)
    changing.join()
    assert StackSchedule.objects.get().every == timedelta(minutes=20)


def test_doubled_and_lost_rings_change_nothing(
    transactional_db: None, rings: Rings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        apply(tmp_path, name=f"stack-{number}")
    chance = random.Random(5)
    for _ in range(6):
        for _ in range(chance.choice([0, 1, 3])):  # lost, rung, tripled
            tasks.request_due_runs(a_keyword_of_tomorrow=1)
        for run in Run.objects.exclude(state=RunState.FINISHED):
            finish(run)
        let_pass(EVERY)
    tasks.request_due_runs()
    numbers = [Run.objects.filter(stack=stack).count() for stack in Stack.objects.all()]
    assert len(set(numbers)) == 1, "no stack was looked at more often than another"
    assert 1 <= numbers[0] <= 7


def test_when_the_broker_lost_the_ring_of_the_run_the_sweeper_rings_again(stack: Stack, rings: Rings) -> None:
    ring()
    run = Run.objects.get()
    rings.clear()
    Run.objects.update(rung_at=Now() - seconds(10))
    operations.sweep(at=timezone.now())
    assert (queue.START_RUN, {"run_id": run.pk}) in rings


def test_one_stack_that_fails_costs_the_others_nothing(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(tmp_path, name="other")
    request = runs.request_run

    def fail_for_one(**asked: Any) -> Run:
        if asked["stack"].pk == stack.pk:
            raise RuntimeError("a defect")
        return request(**asked)

    monkeypatch.setattr(scheduling, "request_run", fail_for_one)
    assert ring() == 1
    assert Run.objects.get().stack.name == "other"
    assert ahead(stack) < timedelta(0), "it stays due"
    monkeypatch.undo()
    assert ring() == 1


def test_a_database_that_is_away_is_waited_for(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(scheduling, "request_scheduled_run", away)
    with pytest.raises(OperationalError):
        ring()
    tasks.request_due_runs()
    monkeypatch.undo()
    assert ring() == 1


def test_so_many_wait_in_line_and_the_longest_due_go_first(
    transactional_db: None, rings: Rings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "MAX_WAITING", 2)
    for number in range(4):
        stack = apply(tmp_path, name=f"stack-{number}")
        StackSchedule.objects.filter(stack=stack).update(due_at=Now() - seconds(100 - number))
    assert ring() == 2
    assert {run.stack.name for run in Run.objects.all()} == {"stack-0", "stack-1"}
    assert ring() == 0
    for run in Run.objects.all():
        operations.start_run(run_id=run.pk, at=timezone.now())
    assert ring() == 2


@pytest.mark.parametrize("wrong_by", [timedelta(days=-2), timedelta(days=2)], ids=["behind", "ahead"])
def test_a_machine_whose_clock_is_wrong_requests_nothing_early_or_late(stack: Stack, wrong_by: timedelta) -> None:
    wrong = timezone.now() + wrong_by
    assert operations.request_due_runs(at=wrong) == 1
    finish(Run.objects.get())
    assert operations.request_due_runs(at=wrong) == 0
    assert timedelta(0) < ahead(stack) <= EVERY


def test_a_changed_schedule_holds_at_once(stack: Stack, tmp_path: Path) -> None:
    ring()
    finish(Run.objects.get())
    first = StackSchedule.objects.get()

    apply(tmp_path, 'every_minutes = 2\nsuite = "ssl"\nopen_incidents = false')
    changed = StackSchedule.objects.get()
    assert (changed.pk, changed.suite, changed.opens_incidents) == (first.pk, "ssl", False)
    assert ahead(stack) <= timedelta(minutes=2)
    apply(tmp_path, "every_minutes = 60")
    assert ahead(stack) <= timedelta(minutes=2), "a longer interval puts off nothing that was promised"

    apply(tmp_path, "")
    assert not StackSchedule.objects.exists()
    apply(tmp_path)
    assert StackSchedule.objects.get().pk != first.pk
    assert ring() == 1


def test_a_schedule_that_goes_while_its_run_goes_leaves_the_run_alone(stack: Stack, tmp_path: Path) -> None:
    ring()
    apply(tmp_path, "")
    apply(tmp_path)
    assert ring() == 0, "the old one's run still goes"
    finish(Run.objects.get())
    assert ring() == 1


def test_thousands_of_stacks_that_are_not_due_cost_two_short_queries(
    stack: Stack, django_assert_num_queries: Any
) -> None:
    ring()
    finish(Run.objects.get())
    now = timezone.now()
    stacks = Stack.objects.bulk_create(
        Stack(name=f"many-{number}", environment="Staging", document={}, digest="0", redaction_key=b"", applied_at=now)
        for number in range(3000)
    )
    StackSchedule.objects.bulk_create(
        StackSchedule(stack=one, every=EVERY, suite="health", opens_incidents=True, due_at=now + EVERY)
        for one in stacks
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE diagnostics_stackschedule, diagnostics_run")
    with django_assert_num_queries(2):
        assert ring() == 0
    assert "schedule_due" in queries.due_schedules().explain()


def test_beat_rings_one_task_that_expires_and_does_not_stand_behind_checks() -> None:
    [entry] = [one for one in app.conf.beat_schedule.values() if one["task"] == queue.REQUEST_DUE_RUNS]
    assert entry["schedule"] == entry["options"]["expires"] == SCHEDULE_SECONDS
    assert app.amqp.router.route({}, queue.REQUEST_DUE_RUNS)["queue"].name == HOUSEKEEPING_QUEUE
    assert app.amqp.router.route({}, queue.START_RUN)["queue"].name != HOUSEKEEPING_QUEUE


def test_an_interval_is_not_shorter_than_a_run_may_take() -> None:
    from diagnostics.models import LEAST_EVERY

    assert timedelta(seconds=RUN_SECONDS) <= LEAST_EVERY

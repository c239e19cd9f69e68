"""The sweeper's round goes on whatever one row brings, and by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from diagnostics import operations, queue
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import looks, runs, sweeping
from diagnostics.operations.runs import MAX_STARTS
from diagnostics.operations.sweeping import MAX_CLAIMS, Swept
from diagnostics.states import ResultProgress, RunState

pytestmark = pytest.mark.django_db(transaction=True)

AGO = timedelta(seconds=10)
Rings = list[tuple[str, dict[str, int]]]


def test_a_check_that_the_code_no_longer_has_does_not_stop_the_others_or_the_run(run: Run, ready: CheckResult) -> None:
    CheckResult.objects.filter(run=run, slug="network.http_timing").update(slug="network.of_another_version")
    for _ in range(MAX_CLAIMS):
        looks.claim_check(result_id=ready.pk)
        CheckResult.objects.filter(pk=ready.pk).update(lease_until=timezone.now() - AGO)
        operations.sweep(at=timezone.now())
    ready.refresh_from_db()
    assert ready.code == "worker.lost"

    Run.objects.update(deadline_at=timezone.now() - AGO)
    assert operations.sweep(at=timezone.now()).closed == 1
    run.refresh_from_db()
    assert run.state == RunState.FINISHED


def test_one_run_that_cannot_be_closed_leaves_the_others_their_turn(
    stack: Stack, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = operations.request_run(stack=stack, suite_name="ssl", reason="test", at=timezone.now())
    operations.start_run(run_id=other.pk, at=timezone.now())
    Run.objects.update(deadline_at=timezone.now() - AGO)
    from awe_incidents.incidents import operations as incidents

    note = incidents.note_run_finished

    def fail_once(*, run: Run, at: Any) -> None:
        if run.pk != other.pk:
            raise RuntimeError("receiver")
        note(run=run, at=at)

    monkeypatch.setattr(incidents, "note_run_finished", fail_once)

    operations.sweep(at=timezone.now())

    other.refresh_from_db()
    assert other.state == RunState.FINISHED


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)], ids=["behind", "ahead"])
def test_a_machine_whose_clock_is_wrong_shortens_and_stretches_nothing(
    stack: Stack, rings: Rings, wrong_by: timedelta
) -> None:
    wrong = timezone.now() + wrong_by
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=wrong)
    operations.start_run(run_id=run.pk, at=wrong)
    waiting = operations.request_run(stack=stack, suite_name="full", reason="test", at=wrong)

    run.refresh_from_db()
    waiting.refresh_from_db()
    assert run.deadline_at is not None
    assert abs(run.deadline_at - timezone.now() - timedelta(seconds=60)) < AGO
    assert abs(waiting.rung_at - timezone.now()) < AGO
    for row in run.results.filter(progress=ResultProgress.READY):
        assert row.ready_at is not None
        assert abs(row.ready_at - timezone.now()) < AGO

    Run.objects.update(rung_at=timezone.now() - AGO)
    operations.sweep(at=wrong)
    waiting.refresh_from_db()
    assert abs(waiting.rung_at - timezone.now()) < AGO
    assert (queue.START_RUN, {"run_id": waiting.pk}) in rings


def _let_the_pause_pass(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(rung_at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def without_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt to start a run fails, as a defect in it would make it."""

    def fail(run: Run) -> None:
        raise RuntimeError("start")

    monkeypatch.setattr(runs, "_advance", lambda run, at: fail(run))


def test_a_run_that_cannot_be_started_is_closed_and_says_so(stack: Stack, rings: Rings, without_start: None) -> None:
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    rings.clear()
    for _ in range(MAX_STARTS):
        _let_the_pause_pass(run)
        assert operations.sweep(at=timezone.now()).rung == 1
        assert rings.pop() == (queue.START_RUN, {"run_id": run.pk})
        with pytest.raises(RuntimeError):
            operations.start_run(run_id=run.pk, at=timezone.now())
    assert not operations.start_run(run_id=run.pk, at=timezone.now())  # a late doorbell tries no more

    _let_the_pause_pass(run)
    assert operations.sweep(at=timezone.now()) == Swept(rung=0, freed=0, closed=1)
    run.refresh_from_db()
    assert (run.state, run.started_at, set(run.counts)) == (RunState.FINISHED, None, {"error"})
    assert set(run.results.values_list("code", flat=True)) == {"run.not_started"}
    assert run.results.count() == run.counts["error"] > 10
    assert operations.sweep(at=timezone.now()) == Swept()


def test_attempts_to_start_are_farther_and_farther_apart(stack: Stack, rings: Rings, without_start: None) -> None:
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    for starts, pause in ((0, 3), (1, 6), (2, 12), (4, 48)):
        for age, rung in ((pause - 1, 0), (pause + 1, 1)):
            Run.objects.update(starts=starts, rung_at=timezone.now() - timedelta(seconds=age))
            assert operations.sweep(at=timezone.now()).rung == rung, (starts, age)
    assert run.starts == 0


def test_a_run_that_waits_for_its_turn_is_no_failure(stack: Stack, rings: Rings) -> None:
    waiting = [
        operations.request_run(stack=stack, suite_name="health", reason="test", at=timezone.now())
        for _ in range(runs.MAX_RUNNING_PER_STACK + 1)
    ]
    for run in waiting:
        operations.start_run(run_id=run.pk, at=timezone.now())
    for _ in range(MAX_STARTS + 2):
        assert not operations.start_run(run_id=waiting[-1].pk, at=timezone.now())
    waiting[-1].refresh_from_db()
    assert (waiting[-1].state, waiting[-1].starts) == (RunState.QUEUED, 0)


def test_a_run_whose_start_failed_once_is_started_by_the_next_ring(
    stack: Stack, rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    with monkeypatch.context() as broken:
        broken.setattr(runs, "_advance", lambda run, at: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            operations.start_run(run_id=run.pk, at=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.starts, run.results.count()) == (RunState.QUEUED, 1, 0)
    assert operations.start_run(run_id=run.pk, at=timezone.now())


def test_a_close_that_fails_is_not_tried_every_second(
    stack: Stack, rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    Run.objects.update(starts=MAX_STARTS)
    _let_the_pause_pass(run)
    tried: list[int] = []

    def fail(*, run_id: int, **_: Any) -> bool:
        tried.append(run_id)
        raise RuntimeError("close")

    monkeypatch.setattr(sweeping, "close_run", fail)
    for _ in range(3):
        operations.sweep(at=timezone.now())
    assert tried == [run.pk]

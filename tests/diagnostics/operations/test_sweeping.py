"""The sweeper's round goes on whatever one row brings, and by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from diagnostics import operations, queue
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import looks
from diagnostics.operations.sweeping import MAX_CLAIMS
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

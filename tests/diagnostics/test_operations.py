"""Runs: rows are the truth, doorbells may be lost, doubled and out of order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.audit.models import Entry
from diagnostics import operations, queries, queue
from diagnostics.checks.registry import UnknownCheck
from diagnostics.checks.result import Evidence, Finding, Result, State
from diagnostics.errors import AlreadyClaimed, UnknownSuite
from diagnostics.looking.look import Look
from diagnostics.models import CheckResult, EvidenceText, Handover, Run, Stack
from diagnostics.operations import looks
from diagnostics.operations.runs import MAX_RUNNING_PER_STACK
from diagnostics.operations.sweeping import MAX_CLAIMS
from diagnostics.states import ResultProgress, RunState
from tests.conftest import PLAIN_STACK, SETUP

pytestmark = pytest.mark.django_db(transaction=True)

Ring = tuple[str, int]


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[Ring]:
    """Collect doorbells instead of sending them."""
    heard: list[Ring] = []

    def ring(task: str, **ids: int) -> None:
        heard.append((task, *ids.values()))  # type: ignore[arg-type]

    monkeypatch.setattr(queue._bell, "ring", ring)
    return heard


@pytest.fixture
def stack(transactional_db: None, tmp_path: Path) -> Stack:
    from diagnostics.stack import parse_toml

    return operations.apply_stack(config=parse_toml(PLAIN_STACK, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def request(stack: Stack, suite: str = "full") -> Run:
    return operations.request_run(stack=stack, suite_name=suite, reason="test", at=timezone.now())


def answer(ring: Ring) -> None:
    """Do what a worker does on a doorbell."""
    task, number = ring
    if task == queue.START_RUN:
        operations.start_run(run_id=number, at=timezone.now())
        return
    try:
        operations.execute_check(result_id=number)
    except AlreadyClaimed:
        return


def passed(row: CheckResult, *, handing: dict[str, str] | None = None, evidence: tuple[Evidence, ...] = ()) -> Look:
    finding = Finding(state=State.PASS, code="fine", message="fine")
    result = Result(
        check=row.slug,
        version=1,
        findings=(finding,),
        evidence=evidence,
        started_at=datetime.now(UTC),
        duration_ms=1,
        vantage="worker",
    )
    return Look(result, handing or {})


def started(stack: Stack) -> Run:
    run = request(stack)
    assert operations.start_run(run_id=run.pk, at=timezone.now())
    return run


def first_ready(run: Run) -> CheckResult:
    row = run.results.filter(progress=ResultProgress.READY).order_by("slug").first()
    assert row is not None
    return row


def test_a_run_ends_with_every_ring_doubled_and_shuffled(stack: Stack, rings: list[Ring]) -> None:
    run = request(stack)
    chance = random.Random(7)
    while rings:
        batch = rings * 2
        rings.clear()
        chance.shuffle(batch)
        for ring in batch:
            answer(ring)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    assert sum(run.counts.values()) == run.results.count() > 10
    assert list(Entry.objects.filter(subject_type="run").order_by("id").values_list("verb", flat=True)) == [
        "run:started",
        "run:finished",
    ]


def test_nothing_declared_means_not_applicable_and_never_fail(stack: Stack, rings: list[Ring]) -> None:
    run = request(stack)
    while rings:
        answer(rings.pop())
    states = set(run.results.values_list("state", flat=True))
    assert states <= {"skip", "pass"}


def test_an_unknown_suite_is_refused(stack: Stack) -> None:
    with pytest.raises(UnknownSuite, match="known are health"):
        request(stack, "everything")


def test_a_check_is_claimed_once(stack: Stack, rings: list[Ring]) -> None:
    row = first_ready(started(stack))
    looks.claim_check(result_id=row.pk)
    with pytest.raises(AlreadyClaimed):
        looks.claim_check(result_id=row.pk)


def test_a_check_that_found_no_slot_is_rung_for_when_one_is_free(
    stack: Stack, rings: list[Ring], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "MAX_LOOKING_PER_STACK", 1)
    first, refused, *others = started(stack).results.filter(progress=ResultProgress.READY).order_by("slug")
    held = looks.claim_check(result_id=first.pk)
    with pytest.raises(AlreadyClaimed, match="slots"):
        looks.claim_check(result_id=refused.pk)
    rings.clear()
    assert looks.store_look(row=held, look=passed(held), at=timezone.now())
    assert (queue.EXECUTE_CHECK, refused.pk) in rings
    assert not {(queue.EXECUTE_CHECK, one.pk) for one in others} & set(rings)  # their own rings are on the way
    assert looks.claim_check(result_id=refused.pk).fence == 1


def test_a_slot_that_is_freed_while_a_check_is_refused_is_taken(
    stack: Stack, rings: list[Ring], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = iter([looks.MAX_LOOKING_PER_STACK, looks.MAX_LOOKING_PER_STACK - 1])
    monkeypatch.setattr(queries, "looking_on", lambda stack_id: next(counted))
    row = first_ready(started(stack))
    assert looks.claim_check(result_id=row.pk).progress == ResultProgress.LOOKING


def test_a_stale_worker_cannot_store(stack: Stack, rings: list[Ring]) -> None:
    row = first_ready(started(stack))
    stale = looks.claim_check(result_id=row.pk)
    CheckResult.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    operations.sweep(at=timezone.now())
    fresh = looks.claim_check(result_id=row.pk)

    assert not looks.store_look(row=stale, look=passed(row), at=timezone.now())
    assert looks.store_look(row=fresh, look=passed(row), at=timezone.now())


def test_a_check_that_takes_workers_with_it_is_given_up(stack: Stack, rings: list[Ring]) -> None:
    row = first_ready(started(stack))
    for _ in range(MAX_CLAIMS):
        looks.claim_check(result_id=row.pk)
        CheckResult.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        operations.sweep(at=timezone.now())
    row.refresh_from_db()
    assert (row.state, row.code) == ("error", "worker.lost")


def test_a_late_run_is_closed_and_says_so(stack: Stack, rings: list[Ring]) -> None:
    run = started(stack)
    claimed = looks.claim_check(result_id=first_ready(run).pk)
    Run.objects.filter(pk=run.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    operations.sweep(at=timezone.now())

    run.refresh_from_db()
    claimed.refresh_from_db()
    assert run.state == RunState.FINISHED
    assert (claimed.state, claimed.code) == ("error", "run.deadline")
    assert not looks.store_look(row=claimed, look=passed(claimed), at=timezone.now())


def test_lost_doorbells_are_rung_again(stack: Stack, rings: list[Ring]) -> None:
    run = request(stack)
    rings.clear()
    later = timezone.now() - timedelta(seconds=10)
    Run.objects.update(rung_at=later)
    operations.sweep(at=timezone.now())
    assert rings == [(queue.START_RUN, run.pk)]

    answer(rings.pop())
    rings.clear()
    CheckResult.objects.filter(progress=ResultProgress.READY).update(ready_at=later)
    operations.sweep(at=timezone.now())
    assert len(rings) == run.results.filter(progress=ResultProgress.READY).count() > 0


def test_a_run_whose_last_step_was_lost_is_advanced(stack: Stack, rings: list[Ring]) -> None:
    run = started(stack)
    Run.objects.filter(pk=run.pk).update(deadline_at=timezone.now() + timedelta(seconds=50))  # started 10 s ago
    run.results.update(progress=ResultProgress.STORED, state="pass", code="fine", is_blocking=False, lease_until=None)
    operations.sweep(at=timezone.now())
    run.refresh_from_db()
    assert run.state == RunState.FINISHED


def test_a_run_of_chosen_checks_looks_with_these_and_what_they_require(stack: Stack, rings: list[Ring]) -> None:
    run = request(stack)
    with pytest.raises(UnknownCheck):
        operations.start_run(run_id=run.pk, at=timezone.now(), only=["database.nothing"])
    assert operations.start_run(run_id=run.pk, at=timezone.now(), only=["database.redis"])
    assert set(run.results.values_list("slug", flat=True)) == {
        "database.redis",
        "network.dns",
        "network.published_ports",
    }
    while rings:
        answer(rings.pop(0))
    run.refresh_from_db()
    assert run.state == RunState.FINISHED


def test_a_stack_has_a_bounded_number_of_runs_at_once_and_the_rest_wait(stack: Stack, rings: list[Ring]) -> None:
    runs = [request(stack) for _ in range(MAX_RUNNING_PER_STACK + 1)]
    for run in runs:
        operations.start_run(run_id=run.pk, at=timezone.now())
    assert Run.objects.filter(state=RunState.RUNNING).count() == MAX_RUNNING_PER_STACK

    while rings:
        answer(rings.pop(0))
    assert Run.objects.filter(state=RunState.FINISHED).count() == len(runs)


def test_handovers_are_sealed_and_gone_when_the_run_ends(stack: Stack, rings: list[Ring]) -> None:
    run = started(stack)
    row = looks.claim_check(result_id=first_ready(run).pk)
    looks.store_look(row=row, look=passed(row, handing={"auth.token": "a-secret-token"}), at=timezone.now())

    kept = Handover.objects.get(run=run)
    assert b"a-secret-token" not in bytes(kept.ciphertext)
    other = run.results.exclude(pk=row.pk).first()
    assert other is not None
    assert queries.look_request(other).handed == {"auth.token": "a-secret-token"}

    while rings:
        answer(rings.pop())
    assert not Handover.objects.exists()


def test_equal_evidence_is_stored_once(stack: Stack, rings: list[Ring]) -> None:
    run = started(stack)
    rows = list(run.results.filter(progress=ResultProgress.READY).order_by("slug"))[:2]
    for ready in rows:
        row = looks.claim_check(result_id=ready.pk)
        seen = Evidence(key="e1", kind="log_excerpt", source="x", content="one\ntwo")
        looks.store_look(row=row, look=passed(row, evidence=(seen,)), at=timezone.now())

    text = EvidenceText.objects.get()
    assert (text.line_count, text.uses.count()) == (2, 2)
    assert queries.evidence_text(text.pk) == "one\ntwo"


@pytest.mark.parametrize(
    "change",
    [
        {"progress": "done"},
        {"progress": "stored", "state": "", "code": "x"},
        {"progress": "stored", "state": "broken", "code": "x"},
        {"progress": "stored", "state": "pass", "code": ""},
        {"progress": "looking", "lease_until": None},
        {"progress": "ready", "state": "pass"},
    ],
)
def test_the_database_refuses_half_a_result(stack: Stack, rings: list[Ring], change: dict[str, Any]) -> None:
    run = started(stack)
    with pytest.raises(IntegrityError), transaction.atomic():
        run.results.update(**change)


def test_a_receiver_that_fails_keeps_the_run_open_for_the_sweeper(
    stack: Stack, rings: list[Ring], monkeypatch: pytest.MonkeyPatch
) -> None:
    from awe_incidents.incidents import operations as incidents

    run = started(stack)
    run.results.update(progress=ResultProgress.STORED, state="pass", code="fine", is_blocking=False)

    def fail(**_: Any) -> None:
        raise RuntimeError("receiver")

    with monkeypatch.context() as broken:
        broken.setattr(incidents, "note_run_finished", fail)
        with pytest.raises(RuntimeError):
            operations.advance_run(run_id=run.pk, at=timezone.now())
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    operations.advance_run(run_id=run.pk, at=timezone.now())
    run.refresh_from_db()
    assert run.state == RunState.FINISHED


@pytest.fixture(autouse=True)
def _no_left_transaction() -> Iterator[None]:
    yield
    assert not connection.in_atomic_block

"""A run from request to finish: rows are the truth, and every step may be repeated safely."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from datetime import datetime

import rfc8785
from django.db import transaction
from django.db.models import Count, F
from django.db.models.functions import Now

from awe_incidents.actor import service
from awe_incidents.audit import trail
from diagnostics import queue
from diagnostics.checks.base import SUITES
from diagnostics.checks.registry import all_checks, check, suite, with_requirements
from diagnostics.checks.result import Finding, Result, State, only_finding
from diagnostics.errors import UnknownSuite
from diagnostics.looking import next_steps
from diagnostics.looking.plan import Progress
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations.diagnosing import keep_diagnosis
from diagnostics.operations.storing import fill_result
from diagnostics.queries import results_of, seconds
from diagnostics.signals import run_finished
from diagnostics.states import ResultProgress, RunState

RUN_SECONDS = 60  # from start to finish, whatever its checks do
MAX_STARTS = 5  # then the run is closed; with the sweeper's pauses that takes some two minutes
MAX_RUNNING_PER_STACK = 4  # a diagnosis must not become the load that it looks for; more wait in line
WORKER = service("worker")


def request_run(
    *,
    stack: Stack,
    suite_name: str,
    reason: str,
    at: datetime,
    is_scheduled: bool = False,
    checks: Collection[str] = (),
) -> Run:
    """Queue a run; the caller records its own fact beside it, in the same transaction.

    With `checks` it looks with these and what they require, not with its whole suite. Raises: UnknownSuite,
    UnknownCheck.
    """
    run = new_run(stack=stack, suite_name=suite_name, reason=reason, at=at)
    run.is_scheduled, run.checks = is_scheduled, sorted(check(slug).slug for slug in checks)
    run.save(force_insert=True)
    queue.ring_run(run.pk)
    return run


def new_run(*, stack: Stack, suite_name: str, reason: str, at: datetime, run_id: int | None = None) -> Run:
    """Give a queued run for a caller that inserts it beside other rows, and then rings for it.

    Raises: UnknownSuite.
    """
    if suite_name not in SUITES:
        raise UnknownSuite(f"there is no suite {suite_name}; known are {', '.join(SUITES)}")
    return Run(pk=run_id, stack=stack, suite=suite_name, reason=reason, requested_at=at, rung_at=Now())


def start_run(*, run_id: int, at: datetime, only: Collection[str] = ()) -> bool:
    """Start a queued run unless its stack has enough running already; say whether it was started here.

    With `only` it looks with these checks and what they require, not with its whole suite. Raises: UnknownCheck.

    Another doorbell may have been first; that is no error. An attempt is counted before it is made, so that whatever
    makes every attempt fail, the worker's death too, comes to an end: the sweeper closes the run.
    """
    if not _count_start(run_id):
        return False
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).select_related("stack").get(pk=run_id)
        if run.state != RunState.QUEUED or not _has_room(run):
            return False
        run.state, run.started_at, run.document = RunState.RUNNING, at, run.stack.document
        run.save(update_fields=["state", "started_at", "document"])
        Run.objects.filter(pk=run.pk).update(deadline_at=Now() + seconds(RUN_SECONDS))  # the sweeper reads that clock
        _lay_out(run, with_requirements(only) if only else _checks_of(run))
        data = {"suite": run.suite, "stack_digest": run.stack.digest}
        trail.record("run:started", subject=run, by=WORKER, at=at, data=data)
        _advance(run, at=at)
    return True


def _count_start(run_id: int) -> bool:
    queued = Run.objects.filter(pk=run_id, state=RunState.QUEUED, starts__lt=MAX_STARTS)
    if queued.update(starts=F("starts") + 1):
        return True
    Run.objects.only("pk").get(pk=run_id)  # one that is gone is told from one that is started
    return False


def _lay_out(run: Run, slugs: Collection[str]) -> None:
    CheckResult.objects.bulk_create(CheckResult(run=run, slug=slug, version=check(slug).version) for slug in slugs)


def _checks_of(run: Run) -> Collection[str]:
    """Give what a run looks with; a check that this version of the code does not have any more is left out."""
    return with_requirements(all_checks().keys() & set(run.checks)) if run.checks else suite(run.suite)


def _has_room(run: Run) -> bool:
    """Count under the stack's own row lock, so that two starts cannot both see the last place."""
    Stack.objects.select_for_update(no_key=True).get(pk=run.stack_id)
    if Run.objects.filter(stack=run.stack_id, state=RunState.RUNNING).count() < MAX_RUNNING_PER_STACK:
        return True
    Run.objects.filter(pk=run.pk).update(starts=F("starts") - 1)  # to wait in line is no failure
    return False


@transaction.atomic
def advance_run(*, run_id: int, at: datetime) -> bool:
    """Decide what of a running run may go next, and finish it when everything is stored; say whether it was running."""
    run = Run.objects.select_for_update(of=("self",)).select_related("stack").get(pk=run_id)
    if run.state != RunState.RUNNING:
        return False
    _advance(run, at=at)
    return True


def _advance(run: Run, *, at: datetime) -> None:
    """Apply skips until nothing more follows from them, mark what is ready, finish when nothing is open.

    A check that this version of the code does not have is left to a worker that has it, or to the run's deadline.
    """
    rows = {row.slug: row for row in results_of(run).defer("findings", "message")}  # read after every single result
    known = rows.keys() & all_checks().keys()
    while steps := next_steps({slug: _progress(rows[slug]) for slug in known}):
        for step in steps:
            if step.blocked_by:
                _skip(rows[step.slug], because_of=step.blocked_by, at=at)
            else:
                _make_ready(rows[step.slug])
    if all(row.progress == ResultProgress.STORED for row in rows.values()):
        _finish(run, at=at)


def _progress(row: CheckResult) -> Progress:
    if row.progress == ResultProgress.STORED:
        return Progress.BLOCKING if row.is_blocking else Progress.CLEAR
    return Progress.WAITING if row.progress == ResultProgress.WAITING else Progress.LOOKING


def _make_ready(row: CheckResult) -> None:
    row.progress = ResultProgress.READY
    CheckResult.objects.filter(pk=row.pk).update(progress=row.progress, ready_at=Now())
    queue.ring_check(row.pk)


def _skip(row: CheckResult, *, because_of: str, at: datetime) -> None:
    finding = Finding(
        state=State.SKIP, code="prerequisite", message=f"not looked at: {because_of} has to be right first"
    )
    fill_result(row, _without_look(row, finding, at=at, prerequisite=because_of))


def _without_look(row: CheckResult, finding: Finding, *, at: datetime, prerequisite: str = "") -> Result:
    return only_finding(
        check=row.slug, version=row.version, finding=finding, at=at, vantage="", prerequisite=prerequisite
    )


def _finish(run: Run, *, at: datetime) -> None:
    results = list(results_of(run).order_by("slug"))
    run.state, run.finished_at, run.digest = RunState.FINISHED, at, results_digest(results)
    run.counts = dict(Counter(row.state for row in results))
    run.save(update_fields=["state", "finished_at", "digest", "counts"])
    run.handovers.all().delete()
    diagnosis = keep_diagnosis(run, results)
    cause = diagnosis.cause if diagnosis else ""
    data = {"digest": run.digest, "counts": run.counts, "cause": cause}
    trail.record("run:finished", subject=run, by=WORKER, at=at, data=data)
    run_finished.send(sender=Run, run=run, at=at)
    _ring_next_of(run.stack)


def _ring_next_of(stack: Stack) -> None:
    waiting = Run.objects.filter(stack=stack, state=RunState.QUEUED, starts=0)  # others wait for the sweeper's pauses
    for run_id in waiting.order_by("id").values_list("pk", flat=True)[:1]:
        queue.ring_run(run_id)


def results_digest(results: list[CheckResult]) -> str:
    """Give the SHA-256 over what the checks answered, so that the trail holds the run without holding its results."""
    evidence = {
        row["pk"]: row["pieces"]
        for row in CheckResult.objects.filter(pk__in=[r.pk for r in results])
        .values("pk")
        .annotate(pieces=Count("evidence"))
    }
    answers = [
        {"check": row.slug, "state": row.state, "code": row.code, "target": row.target, "evidence": evidence[row.pk]}
        for row in results
    ]
    return hashlib.sha256(rfc8785.dumps(answers)).hexdigest()


@transaction.atomic
def close_run(*, run_id: int, code: str, message: str, at: datetime) -> bool:
    """End a run that cannot go on: what is still open gets the result `error`; say whether the run was open."""
    run = Run.objects.select_for_update(of=("self",)).select_related("stack").get(pk=run_id)
    if run.state == RunState.FINISHED:
        return False
    if run.state == RunState.QUEUED:
        _lay_out(run, _checks_of(run))
    for row in results_of(run).exclude(progress=ResultProgress.STORED):
        fill_result(row, _without_look(row, Finding(state=State.ERROR, code=code, message=message), at=at))
    _finish(run, at=at)
    return True

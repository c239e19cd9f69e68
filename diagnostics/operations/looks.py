"""Claim -> look -> store: what looks touches no database of ours, and what stores is fenced."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import DataError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from diagnostics import queries, queue
from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, State, only_finding
from diagnostics.errors import AlreadyClaimed, DiagnosticsError
from diagnostics.looking import look_in_process
from diagnostics.looking.look import VANTAGE, Look
from diagnostics.looking.process import GRACE_SECONDS
from diagnostics.models import CheckResult, Run
from diagnostics.operations.baselines import learn
from diagnostics.operations.runs import advance_run
from diagnostics.operations.storing import fill_result, keep_evidence, keep_handovers
from diagnostics.queries import seconds
from diagnostics.sealing import SealBroken
from diagnostics.states import ResultProgress, RunState

LEASE_MARGIN_SECONDS = 3  # beyond the deadline: to start the process and to store
MAX_LOOKING_PER_STACK = 8  # slots that one stack may hold, so that its hung checks leave room for others

log = structlog.get_logger(__name__)


def execute_check(*, result_id: int) -> None:
    """Claim a ready check, look, store what was seen, and let the run go on.

    Raises: AlreadyClaimed, when another worker was first or the stack holds enough slots (the sweeper rings again).
    """
    row = claim_check(result_id=result_id)
    look = _look(row)
    try:
        store_look(row=row, look=look, at=timezone.now())
    except (DataError, ValueError) as error:  # else two leases pass, and the answer blames lost workers
        store_look(row=row, look=_failed(row, error), at=timezone.now())


def _look(row: CheckResult) -> Look:
    """Look; what keeps us from looking is the answer.

    Raises: OperationalError, InterfaceError, when the database is away; the sweeper frees the claim.
    """
    try:
        return look_in_process(queries.look_request(row))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        return _failed(row, error)


def _failed(row: CheckResult, error: Exception) -> Look:
    """Give the result `error`; only texts of our own are shown, as another's may hold what was being looked at."""
    log.warning("a look failed", slug=row.slug, result_id=row.pk, error=type(error).__name__)
    why = str(error) if isinstance(error, (DiagnosticsError, SealBroken)) else type(error).__name__
    finding = Finding(
        state=State.ERROR, code="look.failed", message=f"could not look, or not store what was seen: {why}"
    )
    return Look(only_finding(check=row.slug, version=row.version, finding=finding, at=timezone.now(), vantage=VANTAGE))


def claim_check(*, result_id: int) -> CheckResult:
    """Take a ready row under a lease by conditional update.

    Raises: AlreadyClaimed.
    """
    row = CheckResult.objects.select_related("run__stack").get(pk=result_id)
    if queries.looking_on(row.run.stack_id) >= MAX_LOOKING_PER_STACK and not _is_free_after_all(row):
        raise AlreadyClaimed(f"stack {row.run.stack.name} holds {MAX_LOOKING_PER_STACK} slots already")
    claimed = CheckResult.objects.filter(
        pk=result_id, progress=ResultProgress.READY, fence=row.fence, run__state=RunState.RUNNING
    ).update(
        progress=ResultProgress.LOOKING,
        fence=row.fence + 1,
        lease_until=Now() + seconds(check(row.slug).deadline_seconds + GRACE_SECONDS + LEASE_MARGIN_SECONDS),
    )
    if not claimed:
        raise AlreadyClaimed(f"{row} was taken by another worker, or is done")
    row.progress, row.fence = ResultProgress.LOOKING, row.fence + 1
    return row


def _is_free_after_all(row: CheckResult) -> bool:
    """Note that a ready row waits for a slot, then count again: whoever frees one looks for notes after that.

    So one of the two sees the other, and no check waits for the sweeper. A ready row's lease means nothing else.
    """
    CheckResult.objects.filter(pk=row.pk, progress=ResultProgress.READY).update(lease_until=Now())
    return queries.looking_on(row.run.stack_id) < MAX_LOOKING_PER_STACK


@transaction.atomic
def store_look(*, row: CheckResult, look: Look, at: datetime) -> bool:
    """Store a look if its claim still holds; say whether it was stored.

    The run's lock comes first, as in everything that decides on a run, so that two stores cannot deadlock.
    """
    Run.objects.select_for_update(of=("self",)).get(pk=row.run_id)
    if not CheckResult.objects.filter(pk=row.pk, progress=ResultProgress.LOOKING, fence=row.fence).exists():
        return False  # the lease ran out and somebody else looked, or the run was closed
    fill_result(row, look.result)
    keep_evidence(row, look.result.evidence)
    keep_handovers(row, look.handing)
    learn(row, look.learning, at=at)
    advance_run(run_id=row.run_id, at=at)
    transaction.on_commit(lambda: _ring_neighbors(row.run.stack_id))
    return True


def _ring_neighbors(stack_id: int) -> None:
    """Offer free slots to checks that found their stack's slots taken; a ring too many is harmless."""
    free = max(0, MAX_LOOKING_PER_STACK - queries.looking_on(stack_id))
    waiting = CheckResult.objects.filter(
        progress=ResultProgress.READY, run__stack_id=stack_id, lease_until__isnull=False
    ).order_by("ready_at")
    for result_id in waiting.values_list("pk", flat=True)[:free]:
        queue.ring_check(result_id)

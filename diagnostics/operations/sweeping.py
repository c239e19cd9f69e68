"""The sweeper's round: ring again for what was lost, free what a dead worker held, end what is late."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, QuerySet
from django.db.models.functions import Now, Power

from awe_incidents.monthly import made_since
from diagnostics import queue
from diagnostics.checks.result import Finding, State, only_finding
from diagnostics.models import CheckResult, Run
from diagnostics.operations.runs import MAX_STARTS, RUN_SECONDS, advance_run, close_run
from diagnostics.operations.storing import fill_result
from diagnostics.queries import seconds
from diagnostics.signals import sweeping
from diagnostics.states import ResultProgress, RunState

RING_AGAIN_SECONDS = 3
MAX_CLAIMS = 2  # a check that took two workers with it is not tried a third time
BATCH = 200

log = structlog.get_logger(__name__)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Swept:
    """What one round did."""

    rung: int = 0
    freed: int = 0
    closed: int = 0


def sweep(*, at: datetime) -> Swept:
    """Do one round; every step is safe to repeat and to do twice at once."""
    freed = _free_lost_claims(at=at)
    closed = _close_late_runs(at=at) + _close_unstarted_runs(at=at)
    rung = _ring_again(at=at)
    _let_others_sweep(at=at)
    return Swept(rung=rung, freed=freed, closed=closed)


def _let_others_sweep(*, at: datetime) -> None:
    """Let other apps look after their rows.

    Raises: OperationalError, InterfaceError.
    """
    for receiver, error in sweeping.send_robust(sender=None, at=at):
        if isinstance(error, (OperationalError, InterfaceError)):
            raise error
        if isinstance(error, Exception):
            log.error("not swept", receiver=str(receiver), error=type(error).__name__, exc_info=error)


def _free_lost_claims(*, at: datetime) -> int:
    lost = _recent(at).filter(progress=ResultProgress.LOOKING, lease_until__lt=Now()).order_by("id")[:BATCH]
    return _each(lost, lambda row: _free(row, at=at))


def _recent(at: datetime) -> QuerySet[CheckResult]:
    """Give the results that may still be open; what a run left open for longer goes when the run is closed."""
    return CheckResult.objects.filter(made_since(at))


def _each(rows: Iterable[Row], do: Callable[[Row], bool]) -> int:
    """Do it for every row and count the done; one that fails is told of, and costs the others nothing.

    Raises: OperationalError, InterfaceError, as without a database there is no round.
    """
    done = 0
    for row in rows:
        try:
            done += do(row)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # a bug, or a check of another version of the code; the run's deadline ends it
            log.exception("not swept", row=str(row))
    return done


@transaction.atomic
def _free(row: CheckResult, *, at: datetime) -> bool:
    Run.objects.select_for_update(of=("self",)).get(pk=row.run_id)
    still_lost = CheckResult.objects.filter(
        pk=row.pk, progress=ResultProgress.LOOKING, fence=row.fence, lease_until__lt=Now()
    )
    if row.fence < MAX_CLAIMS:
        freed = still_lost.update(progress=ResultProgress.READY, lease_until=None, ready_at=Now())
        if freed:
            queue.ring_check(row.pk)
        return bool(freed)
    if not still_lost.exists():
        return False
    finding = Finding(
        state=State.ERROR,
        code="worker.lost",
        message=f"{row.fence} workers were lost while they looked; not tried again",
    )
    fill_result(row, only_finding(check=row.slug, version=row.version, finding=finding, at=at, vantage=""))
    advance_run(run_id=row.run_id, at=at)
    return True


def _close_late_runs(*, at: datetime) -> int:
    late = Run.objects.filter(state=RunState.RUNNING, deadline_at__lt=Now()).order_by("id")[:BATCH]
    message = "the run's time was up before this check was done"
    return _each(late, lambda run: close_run(run_id=run.pk, code="run.deadline", message=message, at=at))


def _close_unstarted_runs(*, at: datetime) -> int:
    """Close queued runs that no attempt could start, so that nobody waits for them; a close that fails is paced too."""
    unstarted = [run.pk for run in _waiting().filter(starts__gte=MAX_STARTS)[:BATCH]]
    Run.objects.filter(pk__in=unstarted, state=RunState.QUEUED).update(rung_at=Now())
    message = f"{MAX_STARTS} attempts to start the run failed; the worker's log says why"
    return _each(unstarted, lambda run_id: close_run(run_id=run_id, code="run.not_started", message=message, at=at))


def _waiting() -> QuerySet[Run]:
    """Give the queued runs whose pause is over; it doubles with every attempt to start that failed."""
    pause = ExpressionWrapper(seconds(RING_AGAIN_SECONDS) * Power(2, F("starts")), output_field=DurationField())
    return Run.objects.filter(state=RunState.QUEUED, rung_at__lt=Now() - pause).order_by("id")


def _ring_again(*, at: datetime) -> int:
    """Ring for rows that wait longer than a doorbell takes; also advance runs whose last step was lost."""
    silent = Now() - seconds(RING_AGAIN_SECONDS)
    ready = _recent(at).filter(progress=ResultProgress.READY, ready_at__lt=silent).order_by("ready_at")[:BATCH]
    queued = _waiting().filter(starts__lt=MAX_STARTS)[:BATCH]
    result_ids, run_ids = [row.pk for row in ready], [run.pk for run in queued]
    CheckResult.objects.filter(pk__in=result_ids, progress=ResultProgress.READY).update(ready_at=Now())
    Run.objects.filter(pk__in=run_ids, state=RunState.QUEUED).update(rung_at=Now())
    for result_id in result_ids:
        queue.ring_check(result_id)
    for run_id in run_ids:
        queue.ring_run(run_id)
    going = _recent(at).filter(run=OuterRef("pk"), progress__in=[ResultProgress.READY, ResultProgress.LOOKING])
    stalled = Run.objects.filter(
        ~Exists(going), state=RunState.RUNNING, deadline_at__lt=Now() + seconds(RUN_SECONDS - RING_AGAIN_SECONDS)
    )
    _each(stalled.order_by("id")[:BATCH], lambda run: advance_run(run_id=run.pk, at=at))
    return len(result_ids) + len(run_ids)

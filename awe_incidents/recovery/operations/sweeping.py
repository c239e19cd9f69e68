"""The sweeper's round: ring again, notice lost workers, end what is too old; it never looks at a target itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from awe_incidents.recovery import queue
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations.claiming import WORKER
from awe_incidents.recovery.operations.ending import expire_request
from awe_incidents.recovery.operations.moving import database_now, free_request, held_execution
from awe_incidents.recovery.operations.notifying import sweep_notices
from awe_incidents.recovery.operations.one_time_secrets import expire_secret
from awe_incidents.recovery.operations.stepping import note_unknown
from awe_incidents.recovery.queries import overdue_secrets, startable
from awe_incidents.recovery.states import FINAL_EXECUTIONS, HELD, ExecutionState, RequestState
from diagnostics.queries import seconds

RING_AGAIN_SECONDS = 3
PROBE_AGAIN_SECONDS = 30
BATCH = 200

log = structlog.get_logger(__name__)


def sweep_recovery(*, at: datetime) -> None:
    """Do one round; every step is safe to repeat and to do twice at once."""
    lost = Execution.objects.filter(state__in=HELD, lease_until__lt=Now()).values_list("request_id", flat=True)
    _each(lost.order_by("id")[:BATCH], _note_lost)
    too_old = RecoveryRequest.objects.filter(expires_at__lt=Now()).filter(
        Q(state=RequestState.PENDING_APPROVAL) | Q(state=RequestState.APPROVED, execution__state=ExecutionState.QUEUED)
    )
    ids = too_old.order_by("id").values_list("pk", flat=True)[:BATCH]
    _each(ids, lambda request_id: expire_request(request_id=request_id, by=WORKER, at=at))
    _each(overdue_secrets(), lambda request_id: expire_secret(request_id=request_id, by=WORKER, at=at))
    queued = startable(Execution.objects.filter(state=ExecutionState.QUEUED))
    _ring_again(queued, RING_AGAIN_SECONDS, queue.ring_execution)
    unknown = Execution.objects.filter(state=ExecutionState.OUTCOME_UNKNOWN)
    _ring_again(unknown, PROBE_AGAIN_SECONDS, queue.ring_reconciliation)
    sweep_notices(at=at)


@transaction.atomic
def _note_lost(request_id: int) -> None:
    request = free_request(request_id)
    execution = held_execution(request) if request else None
    if request is None or execution is None or execution.lease_until is None or execution.lease_until >= database_now():
        return  # only a held one has a lease
    note_unknown(execution, request, outcome=f"the worker was lost while the execution was {execution.state}")


def _ring_again(executions: QuerySet[Execution], silent_seconds: float, ring: Callable[..., None]) -> None:
    silent = executions.filter(rung_at__lt=Now() - seconds(silent_seconds))
    waiting = dict(silent.order_by("id").values_list("pk", "request__stack__name")[:BATCH])
    Execution.objects.filter(pk__in=waiting).exclude(state__in=FINAL_EXECUTIONS).update(rung_at=Now())
    for execution_id, stack_name in waiting.items():
        ring(execution_id, stack_name=stack_name)


def _each(request_ids: Iterable[int], do: Callable[[int], object]) -> None:
    """Do it for each; one that fails costs the others nothing. Raises: OperationalError, InterfaceError."""
    for request_id in list(request_ids):
        try:
            do(request_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("not swept", request=request_id)

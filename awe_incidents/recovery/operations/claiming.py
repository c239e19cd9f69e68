"""Take a queued execution by conditional update: at most one worker does, and only while everything still holds."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import service
from awe_incidents.audit.models import Entry
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.models import Execution, RecoveryRequest, Review, TargetLock
from awe_incidents.recovery.operations.holding import LEASE_SECONDS, Held
from awe_incidents.recovery.operations.moving import (
    database_now,
    end_execution,
    end_unclaimed,
    held_execution,
    held_request,
    held_up,
    kept_outcome,
    record,
    release_target,
)
from awe_incidents.recovery.queries import waits_for
from awe_incidents.recovery.states import Effect, ExecutionState, RequestState, Verdict
from diagnostics.queries import seconds

WORKER = service("recovery")
HELD_UP = "execution:held_up"


def claim_execution(*, execution_id: int, lease_seconds: float = LEASE_SECONDS) -> Held:
    """Take a queued execution and its target under a lease.

    Raises: NotClaimed, when another worker was first, when it waits for a freeze or a window, or when it ended instead:
    expired, invalidated, target held.
    """
    at = timezone.now()
    queued = Execution.objects.filter(pk=execution_id, state=ExecutionState.QUEUED)
    request_id = queued.values_list("request_id", flat=True).first()
    if request_id is None:  # most doubled messages end here, without a lock
        raise NotClaimed(f"execution {execution_id} was taken by another worker, has ended, or is not there")
    with transaction.atomic():
        request = held_request(request_id)
        execution = held_execution(request)
        if execution is None or execution.state != ExecutionState.QUEUED:
            raise NotClaimed(f"execution {execution_id} was taken by another worker, or has ended")
        refusal = (
            _refused(execution, request, at=at)
            or _waits(execution, request, at=at)
            or _take(execution, request, lease_seconds=lease_seconds, at=at)
        )
    if refusal:
        raise NotClaimed(f"execution {execution_id} does not start: {refusal}")
    return Held(execution.pk, request.pk, execution.fence, lease_seconds)


def _refused(execution: Execution, request: RecoveryRequest, *, at: datetime) -> str:
    """End it where its time is up, or where who stood for it may not do so any more; say why, or give ""."""
    now, review = database_now(), Review.objects.select_related("broken_by").filter(request=request).first()
    if request.expires_at <= now or (review is not None and review.claim_until <= now):
        outcome = "its time was up before it was started"
        end_unclaimed(execution, request, RequestState.EXPIRED, outcome=outcome, by=WORKER, at=at)
        return outcome
    lacking = _roles_lost(request, review)
    if lacking:
        end_unclaimed(execution, request, RequestState.INVALIDATED, outcome=lacking, by=WORKER, at=at)
    return lacking


def _roles_lost(request: RecoveryRequest, review: Review | None) -> str:
    approvers = [one.person for one in request.decisions.select_related("person").filter(verdict=Verdict.APPROVED)]
    needed: list[tuple[User, Role]] = [(request.requester, Role.OPERATOR), *((one, Role.APPROVER) for one in approvers)]
    if review is not None:
        needed.append((review.broken_by, Role.RESPONDER))
    lost = [f"{person.username} is no {role} any more" for person, role in needed if not person.has_role(role)]
    return "; ".join(lost)


def _waits(execution: Execution, request: RecoveryRequest, *, at: datetime) -> str:
    """Say what it waits for, or give ""; the trail has the first time."""
    why = held_up(request)
    first = Entry.objects.filter(subject_type="execution", subject_id=str(execution.pk), verb=HELD_UP)
    if why and not first.exists():
        request.execution = execution
        record(HELD_UP, request, by=WORKER, at=at, because=why, execution=execution.pk)
    return why


def _take(execution: Execution, request: RecoveryRequest, *, lease_seconds: float, at: datetime) -> str:
    """Claim, and take the target; say why not where another execution holds it."""
    taken = Execution.objects.filter(pk=execution.pk, state=ExecutionState.QUEUED, fence=execution.fence).update(
        state=ExecutionState.CLAIMED, fence=F("fence") + 1, lease_until=Now() + seconds(lease_seconds)
    )
    assert taken == 1  # its row is locked
    execution.state, execution.fence = ExecutionState.CLAIMED, execution.fence + 1
    request.execution = execution
    try:
        with transaction.atomic():
            TargetLock.objects.create(stack=request.stack, target=request.target, execution=execution)
    except IntegrityError as error:
        outcome = f"another {str(error).splitlines()[0]}: {request.target or 'the whole stack'}"
        end_execution(execution, request, ExecutionState.FAILED, effect=Effect.NONE, outcome=outcome, by=WORKER, at=at)
        return outcome
    passed = waits_for(stack_id=request.stack_id, tier=request.tier)  # by a break-glass only
    because = f"the glass was broken, so it does not wait: {passed}" if passed else ""
    record(
        "execution:claimed", request, by=WORKER, at=at, because=because, execution=execution.pk, fence=execution.fence
    )
    return ""


def release(held: Held, *, because: str) -> None:
    """Give a claimed execution back to the queue: nothing was done. A wish to cancel it is fulfilled there.

    Raises: LeaseLost.
    """
    at = timezone.now()
    with held.writing(ExecutionState.CLAIMED) as (execution, request):
        _back_to_queue(execution, request, because=because, at=at)
        if execution.cancel_asked_at:
            outcome = "cancelled before its first step"
            end_unclaimed(execution, request, RequestState.CANCELLED, outcome=outcome, by=WORKER, at=at)


def invalidate(held: Held, *, because: str) -> None:
    """End a claimed execution whose target or plan is not what was approved.

    Raises: LeaseLost.
    """
    at = timezone.now()
    with held.writing(ExecutionState.CLAIMED) as (execution, request):
        because = kept_outcome(because, request)  # it may quote the target
        _back_to_queue(execution, request, because=because, at=at)
        end_unclaimed(execution, request, RequestState.INVALIDATED, outcome=because, by=WORKER, at=at)


def _back_to_queue(execution: Execution, request: RecoveryRequest, *, because: str, at: datetime) -> None:
    Execution.objects.filter(pk=execution.pk).update(state=ExecutionState.QUEUED, lease_until=None, rung_at=Now())
    execution.state = ExecutionState.QUEUED
    release_target(execution)
    record("execution:released", request, by=WORKER, at=at, because=because, execution=execution.pk)

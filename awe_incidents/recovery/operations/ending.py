"""End a request before it is done: withdrawn by who asked, cancelled by an operator, expired by the clock."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import TransitionNotAllowed
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations.moving import (
    cleaned,
    database_now,
    end_unclaimed,
    free_request,
    held_execution,
    held_request,
    move_request,
    record,
)
from awe_incidents.recovery.states import ExecutionState, RequestState


@transaction.atomic
def withdraw_request(
    *, request: RecoveryRequest, user: User, by: Actor, at: datetime, because: str = ""
) -> RecoveryRequest:
    """Take back an own request that nobody has approved yet.

    Raises: RoleRequired, TransitionNotAllowed.
    """
    request = held_request(request.pk)
    policies.check_may_withdraw(user, requester_id=request.requester_id)
    move_request(request, RequestState.WITHDRAWN, at=at)
    record("recovery_request:withdrawn", request, by=by, at=at, because=cleaned(because, request))
    return request


@transaction.atomic
def cancel_request(*, request: RecoveryRequest, user: User, by: Actor, at: datetime, because: str) -> RecoveryRequest:
    """Stop an approved request: at once while nothing was done, else before the next step.

    Raises: RoleRequired, ReasonRequired, TransitionNotAllowed.
    """
    policies.check_may_request(user)
    request = held_request(request.pk)
    because = cleaned(policies.check_reason(because), request)
    execution = held_execution(request)
    match execution and execution.state:
        case ExecutionState.QUEUED if execution is not None:
            end_unclaimed(execution, request, RequestState.CANCELLED, outcome=because, by=by, at=at)
        case ExecutionState.CLAIMED | ExecutionState.RUNNING if execution is not None:
            _ask_to_stop(execution, request)
            record("execution:cancel_asked", request, by=by, at=at, because=because, execution=execution.pk)
        case _:
            state = execution.state if execution else request.state
            raise TransitionNotAllowed(f"request {request.pk} is {state}, so there is nothing to cancel now")
    return request


def _ask_to_stop(execution: Execution, request: RecoveryRequest) -> None:
    """Tell the worker: it goes back to the queue and ends there, or stops before its next step."""
    changes = {"state": ExecutionState.CANCELLING} if execution.state == ExecutionState.RUNNING else {}
    Execution.objects.filter(pk=execution.pk).update(cancel_asked_at=Now(), **changes)
    request.execution = execution


@transaction.atomic
def expire_request(*, request_id: int, by: Actor, at: datetime) -> bool:
    """End a request whose time is up before anybody claimed it; say whether this did."""
    request = free_request(request_id)
    if request is None or request.expires_at > database_now():
        return False
    outcome = "its time was up before it was started"
    if request.state == RequestState.PENDING_APPROVAL:
        move_request(request, RequestState.EXPIRED, at=at)
        record("recovery_request:expired", request, by=by, at=at, because=outcome)
        return True
    execution = held_execution(request)
    if request.state != RequestState.APPROVED or execution is None or execution.state != ExecutionState.QUEUED:
        return False
    end_unclaimed(execution, request, RequestState.EXPIRED, outcome=outcome, by=by, at=at)
    return True

"""Move requests and executions along their tables, as every operation does; the database refuses what is not in them.

Whoever locks both locks the request first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.signed import check_signed
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.recovery import queue
from awe_incidents.recovery.errors import TransitionNotAllowed
from awe_incidents.recovery.models import Execution, RecoveryRequest, Review, TargetLock
from awe_incidents.recovery.operations.rating import check_rate
from awe_incidents.recovery.operations.rechecking import request_look
from awe_incidents.recovery.queries import waits_for
from awe_incidents.recovery.states import (
    REQUEST_TRANSITIONS,
    Effect,
    ExecutionState,
    RequestState,
)
from diagnostics.errors import DescriptionOutdated, SecretUnreadable
from diagnostics.models import Stack
from diagnostics.probes.legible import legible
from diagnostics.queries import redactor_of

MAX_OUTCOME = 2000
NOT_KEPT = "[not kept: the stack's description cannot be read, so nothing that is said of it can be redacted]"


def database_now() -> datetime:
    """Give the database's clock, by which requests expire and leases end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def held_request(request_id: int) -> RecoveryRequest:
    """Give a request as it is now, locked until the end of the transaction."""
    requests = RecoveryRequest.objects.select_for_update(of=("self",)).select_related("stack", "requester", "terms")
    return requests.get(pk=request_id)


def free_request(request_id: int) -> RecoveryRequest | None:
    """Give a request locked, or None where somebody else has it now: for who must not wait, as the sweeper."""
    requests = RecoveryRequest.objects.select_for_update(of=("self",), skip_locked=True)
    return requests.select_related("stack", "requester", "terms").filter(pk=request_id).first()


def held_execution(request: RecoveryRequest) -> Execution | None:
    """Give the execution of a locked request, locked, too."""
    return Execution.objects.select_for_update(of=("self",)).filter(request=request).first()


def held_up(request: RecoveryRequest) -> str:
    """Give the freeze or window that a locked request waits for, or ""; until the end of the transaction none is added.

    A break-glass waits for nothing.
    """
    if Review.objects.filter(request=request).exists():
        return ""
    Stack.objects.select_for_update(no_key=True).get(pk=request.stack_id)
    return waits_for(stack_id=request.stack_id, tier=request.tier)


def move_request(request: RecoveryRequest, target: RequestState, *, at: datetime) -> None:
    """Take one step of the table with a locked request; the caller records why.

    Raises: TransitionNotAllowed.
    """
    source = RequestState(request.state)
    if target not in REQUEST_TRANSITIONS[source]:
        raise TransitionNotAllowed(f"request {request.pk} is {source}, and cannot become {target}")
    RecoveryRequest.objects.filter(pk=request.pk).update(state=target, changed_at=at)
    request.state, request.changed_at = target, at


def record(verb: str, request: RecoveryRequest, *, by: Actor, at: datetime, because: str = "", **data: Any) -> int:
    """Record what happened to a request, also in its incident's history; give the id of the trail's entry."""
    data = {"request": request.pk, "action": request.action, "digest": request.terms.digest, **data}
    subject = request.execution if verb.startswith("execution:") else request
    entry_id = trail.record(
        verb, subject=subject, by=by, at=at, because=because, incident_id=request.incident_id, data=data
    )
    if request.incident is not None:
        kind = f"recovery_{verb.partition(':')[2]}"[:32]
        text = f"{request.action} (request {request.pk}): {verb.partition(':')[2].replace('_', ' ')}"
        shown = {name: value for name, value in data.items() if name in {"request", "action", "to", "effect"}}
        write_history(request.incident, by=by, at=at, lines=[(kind, text + (f": {because}" if because else ""), shown)])
    return entry_id


def queue_execution(request: RecoveryRequest, *, at: datetime) -> Execution:
    """Write the one start of an approved request, and ring after commit.

    Raises: TooOften, TrailUnavailable (nobody signs, so that it could not start).
    """
    check_signed()
    check_rate(request, now=database_now())
    execution = Execution.objects.create(request=request, queued_at=at)
    request.execution = execution
    queue.ring_execution(execution.pk, stack_name=request.stack.name)
    return execution


def end_execution(
    execution: Execution,
    request: RecoveryRequest,
    state: ExecutionState,
    *,
    effect: Effect,
    outcome: str,
    by: Actor,
    at: datetime,
    verification: dict[str, Any] | None = None,
    because: str = "",
) -> None:
    """End an execution whose rows the caller holds: state, lock, request and entry in one transaction."""
    outcome = kept_outcome(outcome, request)
    Execution.objects.filter(pk=execution.pk).update(
        state=state, finished_at=at, lease_until=None, effect=effect, outcome=outcome, verification=verification
    )
    before, execution.state = execution.state, state
    release_target(execution)
    if request.state == RequestState.APPROVED:  # it ended before its first step
        move_request(request, RequestState.EXECUTING, at=at)
    move_request(request, RequestState.DONE, at=at)
    request.execution = execution
    record(
        "execution:finished",
        request,
        by=by,
        at=at,
        because=because or outcome,
        **{"from": before, "to": state, "effect": effect, "execution": execution.pk},
    )
    if effect in {Effect.PARTIAL, Effect.WHOLE}:
        request_look(execution, request, by=by, at=at)


def end_unclaimed(
    execution: Execution, request: RecoveryRequest, state: RequestState, *, outcome: str, by: Actor, at: datetime
) -> None:
    """End a queued execution together with its request: cancelled, expired or invalidated; nothing was done."""
    outcome = kept_outcome(outcome, request)
    Execution.objects.filter(pk=execution.pk, state=ExecutionState.QUEUED).update(
        state=ExecutionState(state.value), finished_at=at, outcome=outcome
    )
    move_request(request, state, at=at)
    record(f"recovery_request:{state.value}", request, by=by, at=at, because=outcome, execution=execution.pk)


def release_target(execution: Execution) -> None:
    """Let others have the target."""
    TargetLock.objects.filter(execution=execution, released_at=None).update(released_at=Now())


def kept_outcome(text: str, request: RecoveryRequest) -> str:
    """Give how it ended as it is kept: redacted, or left out where nothing can be, as an end must not wait for that."""
    try:
        return cleaned(text, request)[:MAX_OUTCOME]
    except (DescriptionOutdated, SecretUnreadable):
        return NOT_KEPT


def cleaned(text: str, request: RecoveryRequest) -> str:
    """Redact a text for the database and the trail. Raises: DescriptionOutdated, SecretUnreadable."""
    return legible(redactor_of(request.stack).text(text).text) if text else ""

"""Find out what a lost worker did: by looking at the target, else by a person with a reason; never by a guess."""

from __future__ import annotations

import traceback
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.recovery import policies
from awe_incidents.recovery.actions.base import Acting, Probed
from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.actions.registry import action as action_named
from awe_incidents.recovery.errors import NotClaimed, RecoveryError, TransitionNotAllowed
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations.claiming import WORKER
from awe_incidents.recovery.operations.moving import cleaned, end_execution, held_execution, held_request
from awe_incidents.recovery.operations.planning import looking, site_of
from awe_incidents.recovery.states import Effect, ExecutionState, StepState

RESOLUTIONS = (ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.NOT_STARTED)
EFFECTS = {
    ExecutionState.SUCCEEDED: Effect.WHOLE,
    ExecutionState.FAILED: Effect.PARTIAL,
    ExecutionState.NOT_STARTED: Effect.NONE,
}
FOUND = {
    Probed.NOT_STARTED: ExecutionState.NOT_STARTED,
    Probed.FINISHED_WELL: ExecutionState.SUCCEEDED,
    Probed.FINISHED_BADLY: ExecutionState.FAILED,
}

log = structlog.get_logger(__name__)


def reconcile(*, execution_id: int) -> None:
    """Probe the target of an execution whose outcome is unknown; what the probe cannot tell waits for a person.

    Raises: NotClaimed, when its outcome is known already.
    """
    unknown = Execution.objects.filter(pk=execution_id, state=ExecutionState.OUTCOME_UNKNOWN)
    execution = unknown.select_related("request__stack", "request__terms").first()
    if execution is None:
        raise NotClaimed(f"the outcome of execution {execution_id} is known")
    probed = _probed(execution)
    if probed not in FOUND:
        log.warning("a person has to say how it ended", execution=execution_id, probe=probed)
        return
    state, outcome = FOUND[probed], f"found by looking at the target: {probed.replace('_', ' ')}"
    at = timezone.now()
    with transaction.atomic():
        request = held_request(execution.request_id)
        locked = held_execution(request)
        if locked is not None and locked.state == ExecutionState.OUTCOME_UNKNOWN:
            end_execution(locked, request, state, effect=EFFECTS[state], outcome=outcome, by=WORKER, at=at)


def _probed(execution: Execution) -> Probed:
    request = execution.request
    if not execution.steps.exclude(state=StepState.WAITING).exists():  # and without the lease none begins any more
        return Probed.NOT_STARTED
    try:
        action = action_named(request.action)
        parameters = read_parameters(action.parameters, request.terms.parameters)
        with site_of(request.stack) as site, looking(site.clean):
            return action.probe(Acting(site, parameters, request.terms.facts))
    except RecoveryError as error:
        log.warning("the target cannot be looked at", execution=execution.pk, why=cleaned(str(error), request))
    except Exception:
        log.error("a probe failed", execution=execution.pk, trace=cleaned(traceback.format_exc(), request))
    return Probed.CANNOT_TELL


@transaction.atomic
def resolve_outcome(
    *, request: RecoveryRequest, state: ExecutionState, user: User, by: Actor, at: datetime, because: str
) -> Execution:
    """Let a person say how an execution ended that nobody knows of.

    Raises: RoleRequired, ReasonRequired, TransitionNotAllowed.
    """
    policies.check_may_request(user)
    request = held_request(request.pk)
    because = cleaned(policies.check_reason(because), request)
    execution = held_execution(request)
    if execution is None or execution.state != ExecutionState.OUTCOME_UNKNOWN or state not in RESOLUTIONS:
        raise TransitionNotAllowed(f"the outcome of request {request.pk} is not unknown, or {state} is none")
    outcome = f"as {user.username} says: {because}"
    end_execution(execution, request, state, effect=EFFECTS[state], outcome=outcome, by=by, at=at, because=because)
    return execution

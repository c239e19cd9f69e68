"""Do from the command line what worker and sweeper do, where those are away."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import TransitionNotAllowed
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations.executing import execute
from awe_incidents.recovery.operations.moving import held_execution, held_request, record
from awe_incidents.recovery.operations.reconciling import reconcile
from awe_incidents.recovery.operations.sweeping import sweep_recovery
from awe_incidents.recovery.states import ExecutionState


def execute_by_hand(*, request: RecoveryRequest, user: User, by: Actor, at: datetime) -> None:
    """Claim a queued execution and carry it out in this process; the trail says who did.

    Raises: RoleRequired, TransitionNotAllowed, NotClaimed.
    """
    policies.check_may_request(user)
    with transaction.atomic():
        locked = held_request(request.pk)
        execution = held_execution(locked)
        if execution is None or execution.state != ExecutionState.QUEUED:
            state = execution.state if execution else locked.state
            raise TransitionNotAllowed(f"request {request.pk} is {state}, so there is nothing to start")
        locked.execution = execution
        record("execution:called_by_hand", locked, by=by, at=at, execution=execution.pk)
    execute(execution_id=execution.pk)


def reconcile_by_hand(*, request: RecoveryRequest, user: User, by: Actor, at: datetime) -> None:
    """Look what a lost worker did, as the sweeper and a worker would; what the probe cannot tell a person says.

    Raises: RoleRequired, TransitionNotAllowed, NotClaimed.
    """
    policies.check_may_request(user)
    sweep_recovery(at=at)
    with transaction.atomic():
        locked = held_request(request.pk)
        execution = held_execution(locked)
        if execution is None or execution.state != ExecutionState.OUTCOME_UNKNOWN:
            state = execution.state if execution else locked.state
            raise TransitionNotAllowed(f"request {request.pk} is {state}, so its outcome is not unknown")
        locked.execution = execution
        record("execution:probed_by_hand", locked, by=by, at=at, execution=execution.pk)
    reconcile(execution_id=execution.pk)

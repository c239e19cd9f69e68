"""One step: written down as started before its effect, as done after it; and what to do where that is not known."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.recovery import queue
from awe_incidents.recovery.actions.base import ActionFailed, Doing, Step
from awe_incidents.recovery.models import Execution, ExecutionStep, RecoveryRequest
from awe_incidents.recovery.operations.claiming import WORKER
from awe_incidents.recovery.operations.holding import Held
from awe_incidents.recovery.operations.moving import end_execution, kept_outcome, record
from awe_incidents.recovery.operations.one_time_secrets import seal_secret
from awe_incidents.recovery.operations.output import Output
from awe_incidents.recovery.states import Effect, ExecutionState, StepState


class Stopped(Exception):
    """Somebody cancelled the execution; it has ended."""


def do_step(held: Held, number: int, step: Step, output: Output) -> None:
    """Do one step.

    Raises: Stopped, LeaseLost, ActionFailed (nothing was changed by this step), and whatever leaves its effect open.
    """
    token = _note_started(held, number)
    if token is None:
        raise Stopped
    held.check()  # the row is written, and a worker may have been stopped since
    try:
        step.run(
            Doing(
                token=token,
                say=partial(output.say, step=step.key),
                check=held.check,
                seal=partial(_seal, held, output),
                hide=output.learn,
            )
        )
    except ActionFailed:
        output.finish()
        _note_ended(held, number, StepState.FAILED)
        raise
    output.finish()
    _note_ended(held, number, StepState.DONE)


def _seal(held: Held, output: Output, secret: str) -> None:
    output.learn(secret)
    seal_secret(held, secret)


def _note_started(held: Held, number: int) -> str | None:
    """Note it and give its token; None where the execution was cancelled instead."""
    with held.writing(ExecutionState.RUNNING, ExecutionState.CANCELLING) as (execution, request):
        if execution.state == ExecutionState.CANCELLING:
            _cancel(execution, request, number)
            return None
        row = ExecutionStep.objects.get(execution=execution, number=number)
        ExecutionStep.objects.filter(pk=row.pk).update(state=StepState.STARTED, started_at=Now())
        return row.token


def _cancel(execution: Execution, request: RecoveryRequest, number: int) -> None:
    is_clean = number == 1
    end_execution(
        execution,
        request,
        ExecutionState.CANCELLED,
        effect=Effect.NONE if is_clean else Effect.PARTIAL,
        outcome=f"cancelled before step {number}" + ("; nothing was done" if is_clean else ""),
        by=WORKER,
        at=timezone.now(),
    )


def _note_ended(held: Held, number: int, state: StepState) -> None:
    with held.writing(ExecutionState.RUNNING, ExecutionState.CANCELLING) as (execution, request):
        row = ExecutionStep.objects.get(execution=execution, number=number)
        ExecutionStep.objects.filter(pk=row.pk).update(state=state, finished_at=Now())
        record(
            f"execution:step_{state}",
            request,
            by=WORKER,
            at=timezone.now(),
            execution=execution.pk,
            step=row.key,
            token=row.token,
            fence=execution.fence,
        )


def lose_track(held: Held, outcome: str) -> None:
    """Say that the outcome is not known: the target stays locked, and somebody looks at it.

    Raises: LeaseLost.
    """
    with held.writing() as (execution, request):
        note_unknown(execution, request, outcome=outcome)


def note_unknown(execution: Execution, request: RecoveryRequest, *, outcome: str) -> None:
    """Move an execution whose rows the caller holds to `outcome_unknown`, and ring for a look at the target."""
    at, outcome = timezone.now(), kept_outcome(outcome, request)
    Execution.objects.filter(pk=execution.pk).update(
        state=ExecutionState.OUTCOME_UNKNOWN,
        lease_until=None,
        effect=Effect.UNKNOWN,
        outcome=outcome,
        rung_at=Now(),
    )
    before, execution.state, request.execution = execution.state, ExecutionState.OUTCOME_UNKNOWN, execution
    data: dict[str, Any] = {"execution": execution.pk, "from": before, "fence": execution.fence}
    record("execution:outcome_unknown", request, by=WORKER, at=at, because=outcome, **data)
    queue.ring_reconciliation(execution.pk, stack_name=request.stack.name)

"""Carry out a claimed execution: look again, sign the intent, do the steps, verify; every write carries the fence."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.signed import is_signed
from awe_incidents.recovery.actions.base import ActionFailed, Step, Verified
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import LeaseLost, RecoveryError
from awe_incidents.recovery.models import Execution, ExecutionStep, RecoveryRequest
from awe_incidents.recovery.operations.claiming import WORKER, claim_execution, invalidate, release
from awe_incidents.recovery.operations.holding import Held
from awe_incidents.recovery.operations.moving import cleaned, end_execution, held_up, move_request, record
from awe_incidents.recovery.operations.output import Output
from awe_incidents.recovery.operations.planning import Planned, looking, site_of
from awe_incidents.recovery.operations.preparing import Refused, TermsChanged, prepared
from awe_incidents.recovery.operations.stepping import Stopped, do_step, lose_track
from awe_incidents.recovery.states import Effect, ExecutionState, RequestState
from diagnostics.errors import DescriptionOutdated, SecretUnreadable

SIGNATURE_SECONDS = 10.0  # sequencer and signer take half a second
PAUSE_SECONDS = 0.05
MAX_TITLE = 300  # in how it ended
# Nothing is written down then: whoever has the row next, or the next look at it, says what is.
OUT_OF_ORDER = (LeaseLost, TrailUnavailable, OperationalError, InterfaceError)

log = structlog.get_logger(__name__)


def execute(*, execution_id: int) -> None:
    """Claim an execution and carry it out to its end; what another worker took over is left to that.

    Raises: NotClaimed.
    """
    with claim_execution(execution_id=execution_id) as held:
        try:
            carry_out(held)
        except LeaseLost as lost:
            log.warning("stopped: the lease was lost, and the target will be looked at", why=str(lost))


def carry_out(held: Held) -> None:
    """Take a claimed execution to its end.

    Raises: LeaseLost.
    """
    request = RecoveryRequest.objects.select_related("stack", "terms").get(pk=held.request_id)
    with ExitStack() as opened:
        try:
            site = opened.enter_context(site_of(request.stack))
        except (DescriptionOutdated, SecretUnreadable) as error:
            log.error("an execution could not be prepared", execution=held.execution_id, why=type(error).__name__)
            _fail_unstarted(held, str(error))
            return
        plan = _prepare(held, request, site)
        if plan is None or not _began(held, request, plan):
            return
        output = Output(held, request.stack)
        if _do_steps(held, plan.steps(), output):
            _verify(held, plan, output)


def _prepare(held: Held, request: RecoveryRequest, site: Site) -> Planned | None:
    """See that the target is what was approved and that nothing stands against it; None where it ended here."""
    try:
        with looking(site.clean):
            return prepared(request, site)
    except TermsChanged as changed:
        invalidate(held, because=str(changed))
    except (RecoveryError, Refused) as error:
        _fail_unstarted(held, str(error))
    except Exception as error:
        _fail_unexpectedly(held, request, error, "it could not be prepared")
    return None


def _began(held: Held, request: RecoveryRequest, plan: Planned) -> bool:
    """Begin; what nobody expected before the first step ends it here, and does not hold its target."""
    try:
        return _begin(held, request, plan)
    except OUT_OF_ORDER:
        raise
    except Exception as error:
        _fail_unexpectedly(held, request, error, "it could not be begun")
    return False


def _fail_unexpectedly(held: Held, request: RecoveryRequest, error: Exception, outcome: str) -> None:
    trace = cleaned("".join(traceback.format_exception(error)), request)  # others may quote a secret of the stack
    log.error("an execution could not be prepared", execution=held.execution_id, trace=trace)
    _fail_unstarted(held, f"{outcome} ({type(error).__name__}); the worker's log says why")


def _fail_unstarted(held: Held, outcome: str) -> None:
    with held.writing(ExecutionState.CLAIMED) as (execution, request):
        end_execution(
            execution,
            request,
            ExecutionState.FAILED,
            effect=Effect.NONE,
            outcome=f"not started: {outcome}",
            by=WORKER,
            at=timezone.now(),
        )


def _begin(held: Held, request: RecoveryRequest, plan: Planned) -> bool:
    """Say in the trail what is about to happen, wait until that is signed, and begin; False where it did not."""
    steps = plan.steps()
    intent = _intend(held, steps)
    if not _signed_in_time(held, intent):
        release(held, because="the intent was not signed in time, so nothing was done; it is tried again")
        return False
    with held.writing(ExecutionState.CLAIMED) as (execution, locked):
        is_cancelled = execution.cancel_asked_at is not None
        against = "somebody cancelled it before its first step" if is_cancelled else held_up(locked)
        if not against:
            _start(execution, locked, steps, intent=intent)
    if against:
        release(held, because=against)
    return not against


def _intend(held: Held, steps: Sequence[Step]) -> int:
    with held.writing(ExecutionState.CLAIMED) as (execution, request):
        return record(
            "execution:intended",
            request,
            by=WORKER,
            at=timezone.now(),
            execution=execution.pk,
            fence=execution.fence,
            fingerprint=request.terms.fingerprint,
            steps=[step.key for step in steps],
        )


def _signed_in_time(held: Held, intent: int) -> bool:
    deadline = time.monotonic() + SIGNATURE_SECONDS
    while not is_signed(intent):
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
        held.check()
    return True


def _start(execution: Execution, request: RecoveryRequest, steps: Sequence[Step], *, intent: int) -> None:
    at = timezone.now()
    ExecutionStep.objects.bulk_create(
        ExecutionStep(
            execution=execution,
            number=number,
            key=step.key,
            title=step.title,
            token=f"awe-recovery-{execution.pk}-{number}",
        )
        for number, step in enumerate(steps, 1)
    )
    Execution.objects.filter(pk=execution.pk).update(
        state=ExecutionState.RUNNING, started_at=at, intent=intent, effect=Effect.UNKNOWN
    )
    move_request(request, RequestState.EXECUTING, at=at)
    record("execution:started", request, by=WORKER, at=at, execution=execution.pk, intent=intent)


def _do_steps(held: Held, steps: Sequence[Step], output: Output) -> bool:
    """Do one step after the other; False where it ended before the last was done."""
    for number, step in enumerate(steps, 1):
        try:
            do_step(held, number, step, output)
        except Stopped:
            return False
        except ActionFailed as failed:
            _fail(held, output.clean(f"step {number}, {_short(step.title)}: {failed}"), is_partial=number > 1)
            return False
        except LeaseLost:
            raise
        except Exception as error:  # it may have had its effect: look at the target instead of guessing
            trace = output.clean(traceback.format_exc())
            log.error("a step left its effect open", execution=held.execution_id, trace=trace)
            lose_track(held, output.clean(f"step {number}, {_short(step.title)}: {type(error).__name__}"))
            return False
    with held.writing(ExecutionState.RUNNING, ExecutionState.CANCELLING) as (execution, locked):
        if execution.state == ExecutionState.CANCELLING:
            outcome, effect = "cancelled after its last step", Effect.WHOLE
            end_execution(
                execution,
                locked,
                ExecutionState.CANCELLED,
                effect=effect,
                outcome=outcome,
                by=WORKER,
                at=timezone.now(),
            )
            return False
        Execution.objects.filter(pk=execution.pk).update(state=ExecutionState.VERIFYING)
        record("execution:steps_done", locked, by=WORKER, at=timezone.now(), execution=execution.pk, steps=len(steps))
    return True


def _short(title: str) -> str:
    """Leave room for what went wrong; the title is whole in the row of the step."""
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"


def _fail(held: Held, outcome: str, *, is_partial: bool) -> None:
    effect = Effect.PARTIAL if is_partial else Effect.NONE
    with held.writing(ExecutionState.RUNNING, ExecutionState.CANCELLING) as (execution, request):
        is_cancelled = execution.state == ExecutionState.CANCELLING
        state = ExecutionState.CANCELLED if is_cancelled else ExecutionState.FAILED
        end_execution(execution, request, state, effect=effect, outcome=outcome, by=WORKER, at=timezone.now())


def _verify(held: Held, plan: Planned, output: Output) -> None:
    """Look at the target anew; what cannot be verified is not called a success."""
    try:
        verified = plan.action.verify(plan.acting)
    except Exception as error:
        trace = output.clean(traceback.format_exc())
        log.error("an execution could not be verified", execution=held.execution_id, trace=trace)
        verified = Verified(is_good=False, text=f"it could not be verified ({type(error).__name__})")
    with held.writing(ExecutionState.VERIFYING) as (execution, request):
        end_execution(
            execution,
            request,
            ExecutionState.SUCCEEDED if verified.is_good else ExecutionState.VERIFY_FAILED,
            effect=Effect.WHOLE,
            outcome=output.clean(verified.text),
            by=WORKER,
            at=timezone.now(),
            verification=output.clean_all({"before": verified.before, "after": verified.after}),
        )

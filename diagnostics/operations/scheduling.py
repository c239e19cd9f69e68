"""Runs by the clock: a row a stack says when it is looked at next, and whoever is rung requests what is due.

Beat rings, and its rings may be lost, doubled or late: a stack is decided on under its own row's lock by the database's
clock, its next time lies on its grid behind now, however many were missed, and none is asked for while one goes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Func, Value
from django.db.models.functions import Least, Now

from awe_incidents.actor import service
from awe_incidents.audit import trail
from diagnostics import queries
from diagnostics.models import Run, Stack, StackSchedule
from diagnostics.operations.runs import request_run
from diagnostics.stack import Schedule
from diagnostics.states import RunState

MAX_WAITING = 50  # scheduled runs in line; more stay due, so that what people ask for is not behind all stacks
REASON = "schedule"
SCHEDULER = service("scheduler")
# From the grid of earlier times, so that stacks stay apart; after a day without beat it lies ahead all the same.
_FOLLOWING = ExpressionWrapper(
    Func(F("every"), Now(), F("due_at"), function="date_bin", output_field=DateTimeField()) + F("every"),
    output_field=DateTimeField(),
)

log = structlog.get_logger(__name__)


def follow_schedule(stack: Stack, schedule: Schedule | None) -> None:
    """Keep the schedule as a description has it, in the caller's transaction, which holds the stack's lock.

    A new one is due at once, a changed one no later than its interval from now.
    """
    if schedule is None:
        StackSchedule.objects.filter(stack=stack).delete()
        return
    every = timedelta(minutes=schedule.every_minutes)
    columns = {"every": every, "suite": schedule.suite, "opens_incidents": schedule.open_incidents}
    _, is_new = StackSchedule.objects.get_or_create(stack=stack, defaults={**columns, "due_at": Now()})
    if not is_new:
        due_at = Least(F("due_at"), Now() + Value(every), output_field=DateTimeField())
        StackSchedule.objects.filter(stack=stack).update(**columns, due_at=due_at)


def request_due_runs(*, at: datetime) -> int:
    """Request the runs of stacks that are due, longest due first, and say how many; one stack's failure is its own.

    Raises: OperationalError, InterfaceError, as without a database nothing is requested.
    """
    waiting = Run.objects.filter(is_scheduled=True, state=RunState.QUEUED).count()
    due = queries.due_schedules().values_list("stack_id", flat=True)[: max(0, MAX_WAITING - waiting)]
    number = 0
    for stack_id in due:
        try:
            number += request_scheduled_run(stack_id=stack_id, at=at)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("a scheduled run was not requested", stack_id=stack_id)
    return number


@transaction.atomic
def request_scheduled_run(*, stack_id: int, at: datetime) -> bool:
    """Request a stack's run if it is due and none of its schedule goes; say so, as another may have been first."""
    # The stack's lock comes first, as where a description is applied, so that the two cannot deadlock.
    stack = Stack.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=stack_id).first()
    schedule = queries.due_schedules().filter(stack=stack_id).first() if stack else None
    if stack is None or schedule is None:
        return False
    StackSchedule.objects.filter(pk=schedule.pk).update(due_at=_FOLLOWING)
    run = request_run(stack=stack, suite_name=schedule.suite, reason=REASON, at=at, is_scheduled=True)
    trail.record("run:requested", subject=run, by=SCHEDULER, at=at, data={"suite": run.suite, "scheduled": True})
    return True

"""What was approved and is not to be seen: done by its own word and not by the engine's, or expired unexecuted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from awe_incidents.audit import trail
from awe_incidents.reconciliation import queries
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.operations.alarming import Raising
from awe_incidents.reconciliation.showing import lacking
from awe_incidents.reconciliation.states import AlarmKind
from awe_incidents.recovery.models import Execution
from awe_incidents.recovery.states import Effect, ExecutionState
from diagnostics.models import Stack
from diagnostics.stack import StackConfig

DONE = (ExecutionState.SUCCEEDED, ExecutionState.VERIFY_FAILED)


def alarms_of_executions(
    stack: Stack, config: StackConfig, *, since: datetime, until: datetime, watched_from: datetime
) -> Iterator[Raising]:
    """Give what to raise of executions that ended in a span of time, after which the engine was looked at."""
    ended = Execution.objects.filter(request__stack=stack, finished_at__gt=since, finished_at__lte=until)
    ended = ended.select_related("request__terms", "request__incident").order_by("pk")
    for one in ended.filter(state=ExecutionState.EXPIRED):
        yield _expired(one)
    for one in ended.filter(Q(state__in=DONE) | Q(effect=Effect.WHOLE), started_at__gte=watched_from):
        if not _is_blind(stack, one):
            yield from _not_shown(one, config)


def _is_blind(stack: Stack, execution: Execution) -> bool:
    """Say whether the engine has lost events of that time; that is an alarm of its own."""
    spans = Alarm.objects.filter(stack=stack, kind=AlarmKind.NOT_LOOKED_AT)
    return spans.filter(first_at__lte=execution.finished_at, last_at__gte=execution.started_at).exists()


def _not_shown(execution: Execution, config: StackConfig) -> Iterator[Raising]:
    missing = lacking(queries.traces_of(execution, config), queries.shown_of(execution))
    if missing:
        what = "; ".join(map(str, missing))
        yield _raising(
            execution,
            f"approved, never executed: execution {execution.pk} of {execution.request.action} ended as "
            f"{execution.state}, and the engine shows {what}",
        )


def _expired(execution: Execution) -> Raising:
    action = execution.request.action
    return _raising(execution, f"approved, never executed: {action} expired before anybody started it")


def _raising(execution: Execution, says: str) -> Raising:
    assert execution.finished_at is not None
    request = execution.request
    return Raising(
        kind=AlarmKind.NOT_EXECUTED,
        key=f"execution:{execution.pk}",
        says=f"{says} (request {request.pk})",
        first_at=execution.started_at or execution.queued_at,
        last_at=execution.finished_at,
        request=request,
        data={"execution": execution.pk, "ended": trail.moment(execution.finished_at)},
    )

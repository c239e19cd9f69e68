"""Reads of reconciliation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from awe_incidents.reconciliation.happenings import Happening
from awe_incidents.reconciliation.judging import KILL_SECONDS, Explanation, Judged
from awe_incidents.reconciliation.models import Alarm, EngineWatch, JudgedEvent
from awe_incidents.reconciliation.states import AlarmKind, Cause
from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.actions.registry import action as action_named
from awe_incidents.recovery.actions.traces import Trace, anything_on
from awe_incidents.recovery.errors import RecoveryError
from awe_incidents.recovery.models import Execution, ManualAction
from diagnostics.models import Stack
from diagnostics.stack import StackConfig

SKEW = timedelta(seconds=5)  # between the engine's clock, as it was compared, and ours
MANUAL_WINDOW = timedelta(minutes=10)  # around the time that somebody says for what they did by hand
MAX_EARLIER = 2_000

log = structlog.get_logger(__name__)


def due_stacks() -> list[int]:
    """Give the stacks with an engine that is to be looked at now, longest due first."""
    waits = EngineWatch.objects.filter(stack=OuterRef("pk"), due_at__gt=Now())
    due = Stack.objects.filter(~Exists(waits), document__has_key="engine")
    return list(due.order_by("engine_watch__due_at", "pk").values_list("pk", flat=True))


def open_alarms(stack_id: int | None = None) -> QuerySet[Alarm]:
    """Give the alarms that nobody has settled, oldest first."""
    alarms = Alarm.objects.filter(settled_at=None).select_related("stack").order_by("pk")
    return alarms if stack_id is None else alarms.filter(stack=stack_id)


def alarms() -> QuerySet[Alarm]:
    """Give the alarms, settled ones too."""
    return Alarm.objects.select_related("stack", "request__requester", "request__review", "settled_by", "settler")


def events_of(alarm: Alarm) -> QuerySet[JudgedEvent]:
    """Give what the engine told of what an alarm is about, as it was judged."""
    told = JudgedEvent.objects.filter(stack=alarm.stack_id)
    if alarm.kind == AlarmKind.NOT_EXECUTED:
        return told.filter(execution__request=alarm.request_id)
    within = told.filter(at__gte=alarm.first_at, at__lte=alarm.last_at)
    return within.filter(cause=Cause.NOBODY) if alarm.kind == AlarmKind.NOT_APPROVED else within


def executions_around(alarm: Alarm) -> QuerySet[Execution]:
    """Give what this service did on the stack around the time of an alarm, oldest first."""
    since, until = alarm.first_at - MANUAL_WINDOW, alarm.last_at + MANUAL_WINDOW
    begun = Execution.objects.filter(request__stack=alarm.stack_id, started_at__lte=until)
    over = Q(finished_at__isnull=True) | Q(finished_at__gte=since)
    return begun.filter(over).select_related("request__stack", "request__requester").order_by("pk")


def by_hand_around(alarm: Alarm) -> QuerySet[ManualAction]:
    """Give what people say that they did by hand on the stack around the time of an alarm, oldest first."""
    since, until = alarm.first_at - MANUAL_WINDOW, alarm.last_at + MANUAL_WINDOW
    return ManualAction.objects.filter(stack=alarm.stack_id, done_at__gte=since, done_at__lte=until).order_by("pk")


def explanations(stack: Stack, config: StackConfig, *, since: datetime, now: datetime) -> list[Explanation]:
    """Give who may have done something on a stack from a time on: executions first, then what was done by hand."""
    return [*_executions(stack, config, since=since, now=now), *_manual_actions(stack, since=since, now=now)]


def traces_of(execution: Execution, config: StackConfig) -> list[Trace]:
    """Give what an engine shows of an execution; of an action that is gone, or a service, whatever is on its target."""
    request = execution.request
    try:
        action = action_named(request.action)
        parameters = read_parameters(action.parameters, request.terms.parameters)
        return list(action.traces(config, parameters, request.terms.facts))
    except (RecoveryError, KeyError, TypeError) as error:
        log.warning("what an execution leaves behind is not known", execution=execution.pk, error=type(error).__name__)
        return [anything_on(request.target)]


def judged_before(stack_id: int, until: datetime, explanations: Iterable[Explanation]) -> list[Judged]:
    """Give what was judged lately, oldest first, and all that was put down to one of these executions."""
    executions = [one.id for one in explanations if one.cause is Cause.EXECUTION]
    chosen = Q(at__gte=until - timedelta(seconds=KILL_SECONDS)) | Q(execution__in=executions)
    rows = JudgedEvent.objects.filter(chosen, stack=stack_id).order_by("-at", "-pk")[:MAX_EARLIER]
    return [_judged(row) for row in reversed(rows)]


def shown_of(execution: Execution) -> Iterator[Happening]:
    """Give the events that were put down to an execution."""
    for row in JudgedEvent.objects.filter(execution=execution):
        yield _judged(row).happening


def explaining(alarm: Alarm) -> ManualAction | None:
    """Give what was done by hand around all that an alarm tells of, or None."""
    near = ManualAction.objects.filter(
        stack=alarm.stack_id,
        done_at__gte=alarm.last_at - MANUAL_WINDOW,
        done_at__lte=alarm.first_at + MANUAL_WINDOW,
    )
    return near.order_by("pk").first()


def _executions(stack: Stack, config: StackConfig, *, since: datetime, now: datetime) -> Iterator[Explanation]:
    over = Q(finished_at__isnull=True) | Q(finished_at__gte=since - SKEW)
    begun = Execution.objects.filter(over, request__stack=stack, started_at__isnull=False)
    for one in begun.select_related("request__terms").order_by("pk"):
        assert one.started_at is not None
        until = (one.finished_at or now) + SKEW
        yield Explanation(Cause.EXECUTION, one.pk, one.started_at - SKEW, until, traces_of(one, config))


def _manual_actions(stack: Stack, *, since: datetime, now: datetime) -> Iterator[Explanation]:
    near = ManualAction.objects.filter(
        stack=stack, done_at__gte=since - MANUAL_WINDOW, done_at__lte=now + MANUAL_WINDOW
    )
    for pk, at in near.order_by("pk").values_list("pk", "done_at"):
        yield Explanation(Cause.MANUAL_ACTION, pk, at - MANUAL_WINDOW, at + MANUAL_WINDOW)


def _judged(row: JudgedEvent) -> Judged:
    happening = Happening(
        key=row.key,
        at=row.at,
        action=row.action,
        container=row.container,
        name=row.name,
        service=row.service,
        command_digest=row.command_digest,
        signal=row.signal,
    )
    return Judged(happening, Cause(row.cause), row.execution_id or row.manual_action_id, row.follows)

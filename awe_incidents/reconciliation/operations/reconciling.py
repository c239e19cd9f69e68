"""Compare one stack's engine with its executions: look -> judge -> store, each event once, whoever else looks, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from awe_incidents.reconciliation import queries
from awe_incidents.reconciliation.engine_look import Looked, Place, look
from awe_incidents.reconciliation.happenings import ContainerFacts
from awe_incidents.reconciliation.judging import Judge, Judged
from awe_incidents.reconciliation.models import EngineWatch, JudgedEvent
from awe_incidents.reconciliation.operations.alarming import RECONCILIATION, Raising, end_alarm, raise_alarm
from awe_incidents.reconciliation.operations.executions import alarms_of_executions
from awe_incidents.reconciliation.operations.reporting import blind_span, code_of, silent_engine, unexplained
from awe_incidents.reconciliation.states import KEPT, AlarmKind, Cause
from diagnostics.errors import DescriptionOutdated
from diagnostics.models import Stack
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.legible import legible
from diagnostics.queries import config_of, seconds
from diagnostics.stack import Engine, StackConfig

EVERY_SECONDS = 4.0  # less than beat's pace, so that each of its rings finds the stack due
LEASE_SECONDS = 60.0
MAX_PAUSE_SECONDS = 300.0
SILENT_AFTER = timedelta(minutes=10)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one look came to."""

    looked: bool  # False: it is not due, has no engine, or somebody else does
    events: int = 0
    alarms: int = 0
    failure: str = ""


def reconcile_stack(*, stack_id: int, at: datetime, is_due: bool = True) -> Reconciled:
    """Look at what a stack's engine tells since the last look, and raise what nobody approved; `is_due` heeds the pace.

    Raises: Stack.DoesNotExist.
    """
    stack = Stack.objects.get(pk=stack_id)
    try:
        config = config_of(stack)
    except DescriptionOutdated as outdated:
        return Reconciled(looked=False, failure=str(outdated))
    if config.engine is None:
        return Reconciled(looked=False)
    watch = _claimed(stack, config.engine, is_due=is_due)
    if watch is None and EngineWatch.objects.filter(stack=stack).exists():
        return Reconciled(looked=False)
    try:
        looked = look(config, config.engine, _place(watch) if watch else None, _known(watch))
        if watch is not None:
            return _store(watch, config, looked, at=at)
    except Exception as failure:  # whatever it is: what stops every look must become an alarm
        # Of an engine that never answered: what happens from now on is judged once it does.
        return _note_failure(watch or _begin(stack, config.engine, Place(at, at, at), at=at), failure, at=at)
    _begin(stack, config.engine, looked.place, at=at)
    return Reconciled(looked=True)


def _claimed(stack: Stack, engine: Engine, *, is_due: bool) -> EngineWatch | None:
    """Take the watch for as long as a look may last; one of another engine or project is forgotten."""
    watches = EngineWatch.objects.filter(stack=stack)
    watches.exclude(engine=_digest(engine)).delete()
    free = watches.filter(due_at__lte=Now()) if is_due else watches
    if not free.update(due_at=Now() + seconds(LEASE_SECONDS), fence=F("fence") + 1):
        return None
    return watches.select_related("stack").get()


def _place(watch: EngineWatch) -> Place:
    return Place(watch.began_at, watch.looked_until, watch.mark_at, watch.mark)


def _known(watch: EngineWatch | None) -> dict[str, ContainerFacts]:
    return {name: ContainerFacts(**facts) for name, facts in (watch.containers if watch else {}).items()}


def _begin(stack: Stack, engine: Engine, place: Place, *, at: datetime) -> EngineWatch:
    """Note where to go on from; what was before nobody judges."""
    columns = {**asdict(place), "watched_from": at, "judged_until": at, "engine": _digest(engine)}
    watch, _ = EngineWatch.objects.get_or_create(
        stack=stack, defaults={**columns, "due_at": Now() + seconds(EVERY_SECONDS)}
    )
    return watch


@transaction.atomic
def _store(watch: EngineWatch, config: StackConfig, looked: Looked, *, at: datetime) -> Reconciled:
    """Judge and store while the claim holds; of two that looked at once the later claim counts."""
    held = EngineWatch.objects.select_for_update(of=("self",)).filter(stack=watch.stack_id, fence=watch.fence).first()
    if held is None:
        return Reconciled(looked=False)
    stack = watch.stack
    judged = _judge(stack, config, looked, at=at)
    raised = _raised(stack, [*blind_span(looked), *unexplained(judged)], at=at)  # what is blind judges no execution
    judged_until = at - queries.SKEW * 2
    ended = {"since": held.judged_until, "until": judged_until, "watched_from": held.watched_from}
    raised += _raised(stack, alarms_of_executions(stack, config, **ended), at=at)
    _settle(stack, at=at)
    containers = {name: asdict(facts) for name, facts in (looked.containers or {}).items()}
    EngineWatch.objects.filter(stack=stack).update(
        **asdict(looked.place),
        containers=containers,
        judged_until=max(judged_until, held.judged_until),
        due_at=Now() + seconds(EVERY_SECONDS),
        failures=0,
        failing_since=None,
        failure="",
    )
    return Reconciled(looked=True, events=len(judged), alarms=raised)


def _raised(stack: Stack, raisings: Iterable[Raising], *, at: datetime) -> int:
    return sum(raise_alarm(stack, one, at=at) is not None for one in raisings)


def _judge(stack: Stack, config: StackConfig, looked: Looked, *, at: datetime) -> list[Judged]:
    """Judge what is new, and keep what changed something."""
    told = {one.key: one for one in looked.happenings}  # each once, however often it was told
    old = set(JudgedEvent.objects.filter(stack=stack, key__in=told).values_list("key", flat=True))
    fresh = sorted((one for key, one in told.items() if key not in old), key=lambda one: one.at)
    if not fresh:
        return []
    explanations = queries.explanations(stack, config, since=fresh[0].at, now=at)
    judge = Judge(
        explanations,
        looked.containers or {},
        queries.judged_before(stack.pk, fresh[0].at, explanations),
        looked.blind.until if looked.blind else None,
    )
    judged = [one for happening in fresh if (one := judge.judge(happening)) and one.cause in KEPT]
    JudgedEvent.objects.bulk_create(_row(stack, one) for one in judged)
    return judged


def _row(stack: Stack, judged: Judged) -> JudgedEvent:
    happening = judged.happening
    return JudgedEvent(
        stack=stack,
        key=happening.key,
        at=happening.at,
        action=happening.action,
        container=happening.container,
        name=happening.name,
        service=happening.service,
        command_digest=happening.command_digest,
        signal=happening.signal,
        cause=judged.cause,
        follows=judged.follows,
        execution_id=judged.explanation_id if judged.cause is Cause.EXECUTION else None,
        manual_action_id=judged.explanation_id if judged.cause is Cause.MANUAL_ACTION else None,
    )


def _settle(stack: Stack, *, at: datetime) -> None:
    """Settle what somebody has recorded by hand since, and that an engine was silent, as it is not any more."""
    for alarm in queries.open_alarms(stack.pk).filter(kind__in=[AlarmKind.NOT_APPROVED, AlarmKind.ENGINE_SILENT]):
        if alarm.kind == AlarmKind.ENGINE_SILENT:
            end_alarm(alarm_id=alarm.pk, by=RECONCILIATION, at=at, because="the engine answers again")
        elif by_hand := queries.explaining(alarm):
            because = f"manual action {by_hand.pk} was recorded for that time"
            end_alarm(alarm_id=alarm.pk, by=RECONCILIATION, at=at, because=because, manual_action=by_hand)


@transaction.atomic
def _note_failure(watch: EngineWatch, failure: Exception, *, at: datetime) -> Reconciled:
    """Try again later and later; an engine that is silent for long is an alarm."""
    code, is_foreseen = code_of(failure), isinstance(failure, CouldNotLook)
    # The texts of what was not foreseen may hold what strangers wrote.
    words = legible(" ".join(str(failure).split()))[:500] if is_foreseen else f"looking at it failed ({code})"
    pause = min(EVERY_SECONDS * 2 ** min(watch.failures, 10), MAX_PAUSE_SECONDS)
    since = watch.failing_since or at
    EngineWatch.objects.filter(stack=watch.stack_id, fence=watch.fence).update(
        failures=F("failures") + 1, failing_since=since, failure=words, due_at=Now() + seconds(pause)
    )
    raised = None
    if at - since >= SILENT_AFTER:
        raised = raise_alarm(watch.stack, silent_engine(since, failure, at=at), at=at)
    unforeseen = None if is_foreseen else failure
    log.warning("an engine could not be looked at", stack=watch.stack.name, code=code, exc_info=unforeseen)
    return Reconciled(looked=False, failure=words, alarms=int(raised is not None))


def _digest(engine: Engine) -> str:
    return hashlib.sha256(f"{engine.url}\0{engine.project}".encode()).hexdigest()

"""Let an action start on one target only so often; the database counts as well, under the stack's lock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.recovery.errors import TooOften
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.queries import counted_executions
from diagnostics.models import Stack


def check_rate(request: RecoveryRequest, *, now: datetime) -> None:
    """See that a request's action may start once more on its target, which nobody changes until the transaction ends.

    Raises: TooOften.
    """
    if not request.rate_times:
        return
    stack_id, action, target = request.stack_id, request.action, request.target
    Stack.objects.select_for_update(no_key=True).get(pk=stack_id)
    counted = counted_executions(stack_id=stack_id, action=action, target=target, seconds=request.rate_seconds)
    newest = list(
        counted.exclude(request=request)
        .order_by("-queued_at")
        .values_list("queued_at", flat=True)[: request.rate_times]
    )
    if len(newest) < request.rate_times:
        return
    wait = max(1, math.ceil(request.rate_seconds - (now - newest[-1]).total_seconds()))
    raise TooOften(
        f"{action} starts on {target or 'the whole stack'} at most {request.rate_times} times in "
        f"{request.rate_seconds:,} s; find out why that does not help, or ask again in {wait:,} s",
        stack_id=stack_id,
        action=action,
        target=target,
        retry_after_seconds=wait,
    )


@contextmanager
def noting_refusals(*, by: Actor, at: datetime) -> Iterator[None]:
    """Put into the trail that an action was asked for too often; around the transaction that the refusal takes back.

    Raises: TooOften.
    """
    try:
        yield
    except TooOften as refusal:
        with transaction.atomic():
            trail.record(
                "stack:recovery_refused",
                subject=Stack(pk=refusal.stack_id),
                by=by,
                at=at,
                data={
                    "action": refusal.action,
                    "target": refusal.target,
                    "why": "too_often",
                    "retry_after_seconds": refusal.retry_after_seconds,
                },
            )
        raise

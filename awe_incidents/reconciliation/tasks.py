"""Celery's side of the doorbells: thin, ids by keyword, unknown keywords tolerated."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from awe_incidents.reconciliation import operations, queries, queue
from diagnostics.models import Stack

log = structlog.get_logger(__name__)


@shared_task(name=queue.RECONCILE_DUE)
def reconcile_due(**_: Any) -> None:
    """Ring for each stack whose engine is to be looked at."""
    try:
        for stack_id in queries.due_stacks():
            queue.ring_stack(stack_id)
    except OperationalError as error:
        log.warning("no engine looked at, the next ring will", error=type(error).__name__)


@shared_task(name=queue.RECONCILE_STACK)
def reconcile_stack(*, stack_id: int, **_: Any) -> None:
    """Compare one stack's engine with its executions."""
    try:
        operations.reconcile_stack(stack_id=stack_id, at=timezone.now())
    except Stack.DoesNotExist:
        log.info("doorbell of a stack that is gone", stack_id=stack_id)

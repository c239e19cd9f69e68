"""Celery's side of the doorbells: thin, the id only, acknowledged before anything happens, never repeated."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task

from awe_incidents.recovery import operations, queue
from awe_incidents.recovery.errors import NotClaimed

log = structlog.get_logger(__name__)


# Whatever the application's defaults say: a message that comes back after the effect must not start it again.
@shared_task(name=queue.EXECUTE, acks_late=False, max_retries=0, ignore_result=True)
def execute_request(*, execution_id: int, **_: Any) -> None:
    """Claim an execution and carry it out."""
    try:
        operations.execute(execution_id=execution_id)
    except NotClaimed as error:
        log.info("not mine", execution_id=execution_id, why=str(error))


@shared_task(name=queue.RECONCILE, acks_late=False, max_retries=0, ignore_result=True)
def reconcile_execution(*, execution_id: int, **_: Any) -> None:
    """Look what a lost worker has done."""
    try:
        operations.reconcile(execution_id=execution_id)
    except NotClaimed as error:
        log.info("nothing to reconcile", execution_id=execution_id, why=str(error))


@shared_task(name=queue.NOTIFY, acks_late=False, max_retries=0, ignore_result=True)
def notify_reviewer(*, notice_id: int, **_: Any) -> None:
    """Tell one person of a break-glass."""
    try:
        operations.notify_reviewer(notice_id=notice_id)
    except NotClaimed as error:
        log.info("not mine", notice_id=notice_id, why=str(error))

"""Celery's side of the doorbells: thin, ids by keyword, unknown keywords tolerated."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_process_init, worker_ready
from django.db import OperationalError
from django.utils import timezone

from diagnostics import operations, queue
from diagnostics.errors import AlreadyClaimed
from diagnostics.looking import warm_up
from diagnostics.models import CheckResult, Run

log = structlog.get_logger(__name__)


@shared_task(name=queue.START_RUN)
def start_run(*, run_id: int, **_: Any) -> None:
    """Start a queued run."""
    try:
        operations.start_run(run_id=run_id, at=timezone.now())
    except Run.DoesNotExist:
        log.info("doorbell of a run that is gone", run_id=run_id)


@shared_task(name=queue.EXECUTE_CHECK)
def execute_check(*, result_id: int, **_: Any) -> None:
    """Carry out one check."""
    try:
        operations.execute_check(result_id=result_id)
    except AlreadyClaimed as error:
        log.info("not mine", result_id=result_id, why=str(error))
    except CheckResult.DoesNotExist:
        log.info("doorbell of a result that is gone", result_id=result_id)


@shared_task(name=queue.REQUEST_DUE_RUNS)
def request_due_runs(**_: Any) -> None:
    """Request the runs that are due by the clock."""
    try:
        if number := operations.request_due_runs(at=timezone.now()):
            log.info("scheduled runs requested", number=number)
    except OperationalError as error:
        log.warning("no scheduled run requested, the next ring will", error=type(error).__name__)


@worker_process_init.connect
@worker_ready.connect
def prepare(**_: Any) -> None:
    """Load the library into the fork server before the first look needs it."""
    warm_up()

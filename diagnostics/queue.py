"""Doorbells: name a task and send it after commit, with ids only. The row is the truth; a lost ring is rung again."""

from __future__ import annotations

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

START_RUN = "diagnostics.start_run"
EXECUTE_CHECK = "diagnostics.execute_check"

log = structlog.get_logger(__name__)


def ring_run(run_id: int) -> None:
    """Say, after commit, that a queued run waits."""
    transaction.on_commit(lambda: _send(START_RUN, run_id=run_id))


def ring_check(result_id: int) -> None:
    """Say, after commit, that a check may be claimed."""
    transaction.on_commit(lambda: _send(EXECUTE_CHECK, result_id=result_id))


def _send(task: str, **ids: int) -> None:
    try:
        current_app.send_task(task, kwargs=ids, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("doorbell not rung, the sweeper will", task=task, error=type(error).__name__, **ids)

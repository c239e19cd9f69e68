"""Doorbells: name a task and send it after commit, with ids only. The row is the truth; a lost ring is rung again."""

from __future__ import annotations

import time

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from awe_incidents.celery import app

START_RUN = "diagnostics.start_run"
EXECUTE_CHECK = "diagnostics.execute_check"

SILENT_SECONDS = 5.0

log = structlog.get_logger(__name__)


def ring_run(run_id: int) -> None:
    """Say, after commit, that a queued run waits."""
    transaction.on_commit(lambda: _bell.ring(START_RUN, run_id=run_id))


def ring_check(result_id: int) -> None:
    """Say, after commit, that a check may be claimed."""
    transaction.on_commit(lambda: _bell.ring(EXECUTE_CHECK, result_id=result_id))


class _Bell:
    """The broker as a doorbell: after a failure nobody rings for some seconds, so that only one caller waits for it."""

    def __init__(self) -> None:
        self.silent_until = 0.0

    def ring(self, task: str, **ids: int) -> None:
        if time.monotonic() < self.silent_until:
            return
        try:
            app.send_task(task, kwargs=ids, retry=False)
        except (OperationalError, OSError) as error:
            self.silent_until = time.monotonic() + SILENT_SECONDS
            log.warning("doorbell not rung, the sweeper will", task=task, error=type(error).__name__, **ids)


_bell = _Bell()

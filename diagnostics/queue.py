"""Doorbells: name a task and send it after commit, with ids only. The row is the truth; a lost ring is rung again."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.db import transaction
from kombu import pools
from kombu.exceptions import LimitExceeded, OperationalError

from awe_incidents.celery import app

START_RUN = "diagnostics.start_run"
EXECUTE_CHECK = "diagnostics.execute_check"
REQUEST_DUE_RUNS = "diagnostics.request_due_runs"  # beat rings this one

SILENT_SECONDS = 5.0
# Who rings may be a web request: a broker that hangs must not hold it for as long as a worker would wait.
_TIMEOUT_SECONDS = 0.25
_QUICK = {"socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS}

log = structlog.get_logger(__name__)


def ring_run(run_id: int) -> None:
    """Say, after commit, that a queued run waits."""
    ring(START_RUN, run_id=run_id)


def ring_check(result_id: int) -> None:
    """Say, after commit, that a check may be claimed."""
    ring(EXECUTE_CHECK, result_id=result_id)


def ring(task: str, *, to: str | None = None, **ids: int) -> None:
    """Send a task of any app by its name, after commit; `to` names a queue other than its route's."""
    transaction.on_commit(lambda: _bell.ring(task, **ids) if to is None else _bell.ring_in(to, task, **ids))


class _Bell:
    """The broker as a doorbell: after a failure nobody rings for some seconds, so that only one caller waits for it."""

    def __init__(self) -> None:
        self.silent_until = 0.0

    def ring(self, task: str, **ids: int) -> None:
        self.ring_in(None, task, **ids)

    def ring_in(self, queue: str | None, task: str, **ids: int) -> None:
        if time.monotonic() < self.silent_until:
            return
        try:
            with _bells().acquire(block=True, timeout=_TIMEOUT_SECONDS) as bell:
                app.send_task(task, kwargs=ids, retry=False, producer=bell, queue=queue)
        except LimitExceeded:
            log.info("no bell was free, the sweeper will ring", task=task, **ids)
        except (OperationalError, OSError) as error:
            self.silent_until = time.monotonic() + SILENT_SECONDS
            log.warning("doorbell not rung, the sweeper will", task=task, error=type(error).__name__, **ids)


def _bells() -> Any:
    """Give the pool of bells, which are connections of their own."""
    return pools.producers[app.connection_for_write(transport_options=_QUICK)]


_bell = _Bell()

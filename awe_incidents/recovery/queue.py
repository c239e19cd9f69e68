"""Doorbells of recovery: the id only; the row is the truth, and a lost ring is rung again by the sweeper."""

from __future__ import annotations

from awe_incidents.celery import recovery_queue
from diagnostics.queue import ring

EXECUTE = "recovery.execute_request"
RECONCILE = "recovery.reconcile_execution"
NOTIFY = "recovery.notify_reviewer"


def ring_execution(execution_id: int, *, stack_name: str) -> None:
    """Say, after commit, that an execution may be claimed."""
    ring(EXECUTE, to=recovery_queue(stack_name), execution_id=execution_id)


def ring_reconciliation(execution_id: int, *, stack_name: str) -> None:
    """Say, after commit, that somebody has to look what a lost worker did."""
    ring(RECONCILE, to=recovery_queue(stack_name), execution_id=execution_id)


def ring_notice(notice_id: int) -> None:
    """Say, after commit, that somebody is to be told of a break-glass; its route leads past long executions."""
    ring(NOTIFY, notice_id=notice_id)

"""Doorbells of reconciliation: the id only; the row is the truth, and beat rings again."""

from __future__ import annotations

from diagnostics.queue import ring

RECONCILE_DUE = "reconciliation.reconcile_due"  # beat rings this one
RECONCILE_STACK = "reconciliation.reconcile_stack"


def ring_stack(stack_id: int) -> None:
    """Say, after commit, that a stack's engine is to be looked at."""
    ring(RECONCILE_STACK, stack_id=stack_id)

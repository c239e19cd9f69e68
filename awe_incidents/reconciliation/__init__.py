"""Reconciliation: what engines say happened to stacks, against the executions that were approved."""

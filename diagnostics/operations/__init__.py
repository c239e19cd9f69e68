"""Changes of stacks, runs and results."""

from diagnostics.operations.baselines import forget_baseline
from diagnostics.operations.inspecting import inspect_token
from diagnostics.operations.looks import execute_check
from diagnostics.operations.runs import advance_run, new_run, request_run, start_run
from diagnostics.operations.scheduling import SCHEDULER, request_due_runs
from diagnostics.operations.stacks import apply_stack, set_stack_secret
from diagnostics.operations.sweeping import sweep

__all__ = [
    "SCHEDULER",
    "advance_run",
    "apply_stack",
    "execute_check",
    "forget_baseline",
    "inspect_token",
    "new_run",
    "request_due_runs",
    "request_run",
    "set_stack_secret",
    "start_run",
    "sweep",
]

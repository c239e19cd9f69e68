"""The ways to break the stack, one file each."""

from deploy.awe.process.faults.bench import active_faults, break_stack, mend_stack
from deploy.awe.process.faults.registry import all_faults, find_fault

__all__ = ["active_faults", "all_faults", "break_stack", "find_fault", "mend_stack"]

"""Break a stack and mend it again, and say when it shows."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from deploy.awe.process.errors import FaultActive, FaultUnavailable, SymptomMissing
from deploy.awe.process.faults.registry import all_faults, find_fault

if TYPE_CHECKING:
    from deploy.awe.process.stack import ProcessStack

POLL_SECONDS = 0.1
SYMPTOM_SECONDS = 30.0


def active_faults(stack: ProcessStack) -> list[str]:
    """Give the slugs of the faults that this stack has now."""
    return [fault.slug for fault in all_faults() if stack.layout.fault_notes(fault.slug).is_dir()]


def break_stack(stack: ProcessStack, slug: str, *, timeout_seconds: float = SYMPTOM_SECONDS) -> None:
    """Break the stack and wait until the symptom shows.

    Raises: FaultUnknown, FaultUnavailable, FaultActive, SymptomMissing.
    """
    fault = find_fault(slug)(stack)
    if fault.lacks:
        raise FaultUnavailable(f"{slug} cannot be made: {fault.lacks}")
    try:
        fault.notes.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise FaultActive(f"{slug} is there already; mend it first.") from None
    fault.inject()
    deadline = time.monotonic() + timeout_seconds
    while not fault.is_broken():
        if time.monotonic() > deadline:
            raise SymptomMissing(f"{slug} was made, but does not show after {timeout_seconds:g} s; mend it.")
        time.sleep(POLL_SECONDS)


def mend_stack(stack: ProcessStack, slug: str) -> None:
    """Mend the fault; when the stack has no other, start what gave up and wait until it is healthy.

    Harmless when the fault is not there.
    Raises: FaultUnknown, NotHealthy.
    """
    fault = find_fault(slug)(stack)
    fault.mend()
    shutil.rmtree(fault.notes, ignore_errors=True)
    if not active_faults(stack):
        stack.start_what_gave_up()
        stack.wait_until_healthy()

"""Look or capture in a process that is killed at its deadline: a thread that hangs in a resolver cannot be (ADR 5)."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from diagnostics import bounded
from diagnostics.bounded import Limits, warm_up
from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, State, only_finding
from diagnostics.looking.capture import CAPTURES, take_capture
from diagnostics.looking.capturing import Captured, CaptureRequest
from diagnostics.looking.look import VANTAGE, Look, LookRequest, take_look

__all__ = ["GRACE_SECONDS", "capture_in_process", "look_in_process", "warm_up"]

GRACE_SECONDS = 0.5  # a look that ends at its own deadline still gets to say so
MAX_MEMORY_BYTES = 2 * 1024**3  # of address space

bounded.preload("diagnostics.looking.preload")


def look_in_process(request: LookRequest) -> Look:
    """Look in a child process; past the deadline it is killed and the result is `error` with code `deadline`."""
    started_at = datetime.now(UTC)
    limits = Limits(seconds=request.deadline_seconds + GRACE_SECONDS, memory_bytes=MAX_MEMORY_BYTES)
    called = bounded.call(take_look, request, limits=limits)
    if called.answer is not None:
        return called.answer
    one = check(request.slug)
    finding = Finding(
        state=State.ERROR,
        code="deadline",
        message=f"no answer within the check's deadline of {one.deadline_seconds:g} s; the look was stopped",
    )
    if called.seconds < request.deadline_seconds:
        finding = Finding(
            state=State.ERROR,
            code="look.lost",
            message=f"the process that looked ended early (exit {called.exit_code})",
        )
    result = only_finding(check=one.slug, version=one.version, finding=finding, at=started_at, vantage=VANTAGE)
    return Look(dataclasses.replace(result, duration_ms=round(called.seconds * 1000)))


def capture_in_process(request: CaptureRequest) -> Captured:
    """Capture in a child process; past its time it is killed, and that is the reason why there is nothing."""
    at, capture = datetime.now(UTC), CAPTURES[request.name]
    limits = Limits(seconds=capture.seconds + GRACE_SECONDS, memory_bytes=MAX_MEMORY_BYTES)
    called = bounded.call(take_capture, request, limits=limits)
    if called.answer is not None:
        return called.answer
    reason = f"no answer within {capture.seconds:g} s; the capture was stopped"
    if called.seconds < capture.seconds:
        reason = f"the process that captured it ended early (exit {called.exit_code})"
    return Captured(captured_at=at, source=capture.source, reason=reason)

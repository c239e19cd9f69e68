"""Look in a process of its own that is killed at the deadline: a thread that hangs in a resolver cannot be (ADR 5).

The process is forked from a clean server process that has the library loaded already (multiprocessing's forkserver),
so starting one costs milliseconds, shares memory, and never copies the threads and sockets of a worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import resource
import signal
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from threading import Lock

from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, State, only_finding
from diagnostics.looking.look import VANTAGE, Look, LookRequest, take_look

GRACE_SECONDS = 0.5  # a look that ends at its own deadline still gets to say so
MAX_MEMORY_BYTES = 2 * 1024**3  # of address space; a look that wants more has met something hostile
PRELOADED = ["diagnostics.looking.preload"]

_context = multiprocessing.get_context("forkserver")
_starting = Lock()  # the fork server is asked by one thread at a time


def warm_up() -> None:
    """Start the fork server now, so that the first look does not wait for it."""
    _context.set_forkserver_preload(PRELOADED)
    process = _context.Process(target=_nothing, daemon=True)
    process.start()
    process.join()


def look_in_process(request: LookRequest) -> Look:
    """Look in a child process; past the deadline it is killed and the result is `error` with code `deadline`."""
    began, started_at = time.monotonic(), datetime.now(UTC)
    receiving, sending = _context.Pipe(duplex=False)
    with contextlib.closing(receiving):
        process = _start(request, sending)
        try:
            look = _receive(receiving, began + request.deadline_seconds + GRACE_SECONDS - time.monotonic())
        finally:
            _end(process)
    if look is not None:
        return look
    one, exit_code = check(request.slug), process.exitcode
    finding = Finding(
        state=State.ERROR,
        code="deadline",
        message=f"no answer within the check's deadline of {one.deadline_seconds:g} s; the look was stopped",
    )
    if time.monotonic() - began < request.deadline_seconds:
        finding = Finding(
            state=State.ERROR, code="look.lost", message=f"the process that looked ended early (exit {exit_code})"
        )
    result = only_finding(check=one.slug, version=one.version, finding=finding, at=started_at, vantage=VANTAGE)
    return Look(dataclasses.replace(result, duration_ms=round((time.monotonic() - began) * 1000)))


def _start(request: LookRequest, sending: Connection) -> ForkServerProcess:
    with _starting:
        for pause_seconds in (0.02, 0.1, 0.3):
            try:
                process = _started(request, sending)
                break
            except (EOFError, OSError):  # the fork server was killed, e.g. for its memory; once reaped, another comes
                time.sleep(pause_seconds)
        else:
            process = _started(request, sending)
    sending.close()  # ours; so that the child's death is seen as end of file
    return process


def _started(request: LookRequest, sending: Connection) -> ForkServerProcess:
    _context.set_forkserver_preload(PRELOADED)
    process = _context.Process(target=_child, args=(request, sending), daemon=True)
    process.start()
    return process


def _receive(receiving: Connection, seconds: float) -> Look | None:
    if not receiving.poll(max(seconds, 0)):
        return None
    try:
        look: Look = receiving.recv()
    except (EOFError, OSError):
        return None
    return look


def _end(process: ForkServerProcess) -> None:
    process.kill()
    process.join()


def _child(request: LookRequest, sending: Connection) -> None:
    # The kernel ends the child even when the worker that would kill it is gone, and bounds its memory.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, request.deadline_seconds + 2 * GRACE_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    look = take_look(request)
    with contextlib.suppress(BrokenPipeError), contextlib.closing(sending):  # the worker may be gone
        sending.send(look)


def _nothing() -> None:
    """Stand in for a look while the fork server warms up."""

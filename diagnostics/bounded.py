"""Call a function in a process of its own that is bounded in time and memory: a thread that hangs cannot be killed.

The process is forked from a clean server process that has libraries loaded already (multiprocessing's forkserver), so
starting one costs milliseconds, shares memory, and never copies the threads and sockets of a worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from threading import Lock
from typing import Any, Generic, TypeVar

GRACE_SECONDS = 0.5  # between the caller's kill and the kernel's, which comes even when the caller is gone

A = TypeVar("A")

_context = multiprocessing.get_context("forkserver")
_starting = Lock()  # the fork server is asked by one thread at a time
_preloaded = ["diagnostics.uninterrupted"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take, and how much address space it may have; more means that it met something hostile."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Called(Generic[A]):
    """How a call ended: the answer, or None and the exit code of a process that was killed or died."""

    answer: A | None
    seconds: float
    exit_code: int | None


def preload(module: str) -> None:
    """Let the fork server load a module once, before it is started."""
    if module not in _preloaded:
        _preloaded.append(module)


def warm_up() -> None:
    """Start the fork server now, so that the first call does not wait for it."""
    _context.set_forkserver_preload(_preloaded)
    process = _context.Process(target=_nothing, daemon=True)
    process.start()
    process.join()


def call(function: Callable[..., A], *arguments: Any, limits: Limits) -> Called[A]:
    """Call a function of a module in a child process; past the limit it is killed. Arguments and answer are pickled."""
    began = time.monotonic()
    receiving, sending = _context.Pipe(duplex=False)
    with contextlib.closing(receiving):
        process = _start(function, arguments, sending, limits)
        try:
            answer: A | None = _receive(receiving, began + limits.seconds - time.monotonic())
        finally:
            process.kill()
            process.join()
    return Called(answer, time.monotonic() - began, process.exitcode)


def _start(
    function: Callable[..., Any], arguments: tuple[Any, ...], sending: Connection, limits: Limits
) -> ForkServerProcess:
    with _starting:
        for pause_seconds in (0.02, 0.1, 0.3):
            try:
                process = _started(function, arguments, sending, limits)
                break
            except (EOFError, OSError):  # the fork server was killed, e.g. for its memory; once reaped, another comes
                time.sleep(pause_seconds)
        else:
            process = _started(function, arguments, sending, limits)
    sending.close()  # ours; so that the child's death is seen as end of file
    return process


def _started(
    function: Callable[..., Any], arguments: tuple[Any, ...], sending: Connection, limits: Limits
) -> ForkServerProcess:
    _context.set_forkserver_preload(_preloaded)
    process = _context.Process(target=_child, args=(function, arguments, sending, limits), daemon=True)
    process.start()
    return process


def _receive(receiving: Connection, seconds: float) -> Any:
    if not receiving.poll(max(seconds, 0)):
        return None
    try:
        return receiving.recv()
    except (EOFError, OSError):
        return None


def _child(function: Callable[..., Any], arguments: tuple[Any, ...], sending: Connection, limits: Limits) -> None:
    # The kernel ends the child even when the worker that would kill it is gone, and bounds its memory.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + GRACE_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    try:
        answer = function(*arguments)
    except Exception as error:
        _tell(error)
        raise SystemExit(1) from None
    with contextlib.suppress(BrokenPipeError), contextlib.closing(sending):  # the worker may be gone
        sending.send(answer)


def _tell(error: Exception) -> None:
    """Print where a call failed, and not its message: that may hold what was worked on, and no redactor is here."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"A bounded call failed with {type(error).__name__}:\n{frames}")
    sys.stderr.flush()


def _nothing() -> None:
    """Stand in for a call while the fork server warms up."""

"""Be told to stop by a signal, also while waiting.

`threading.Event` is not for that: Python runs a handler in the main thread between any two of its instructions, so also
while `wait` holds the lock that `set` then waits for, for ever (seen: a sequencer that SIGTERM did not end).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import weakref
from typing import Protocol


class Stop(Protocol):
    """What a loop asks that goes on until it is told to stop; a `threading.Event` is one, too."""

    def is_set(self) -> bool:
        """Say whether it was told."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is told, for so many seconds at most, and say whether it was."""


class Stopping:
    """A stop that a signal handler may tell: a byte in a pipe wakes who waits, and there is no lock to wait for."""

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        weakref.finalize(self, _close, self._reader, self._writer)

    def set(self) -> None:
        """Tell it, as often as one likes."""
        self._is_set = True
        with contextlib.suppress(BlockingIOError):  # full of bytes that nobody read: whoever waits is woken by those
            os.write(self._writer, b"\0")

    def is_set(self) -> bool:
        """Say whether it was told."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is told, for so many seconds at most, and say whether it was."""
        if not self._is_set:
            waiting = select.poll()
            waiting.register(self._reader, select.POLLIN)
            waiting.poll(None if timeout is None else timeout * 1000)
        return self._is_set


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def stop_on_signals() -> Stopping:
    """Give what SIGTERM and SIGINT tell to stop from now on; call it from the main thread."""
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping

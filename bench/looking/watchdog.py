"""The other design: looks run in the worker's own threads, and a watchdog replaces the worker when one hangs.

A thread cannot be killed, a process can: past a look's deadline and grace the whole worker is executed anew, in its
place and with its number. Whatever else it was looking at is lost with it and claimed again when its lease has run out.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from diagnostics.looking.look import Look, LookRequest, take_look
from diagnostics.looking.process import GRACE_SECONDS

WATCH_SECONDS = 0.1


def execute_anew() -> None:
    """Replace this process by a fresh one with the same arguments; every thread ends, also one that hangs."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606


class Watchdog:
    """Knows the looks that are going on and when each should have ended."""

    def __init__(self, *, replace: Callable[[], None] = execute_anew) -> None:
        self._replace = replace
        self._due: dict[int, float] = {}
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def look(self, request: LookRequest) -> Look:
        """Look in the calling thread, under watch."""
        number = threading.get_ident()
        self._due[number] = time.monotonic() + request.deadline_seconds + GRACE_SECONDS
        try:
            return take_look(request)
        finally:
            del self._due[number]

    def _watch(self) -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            if any(due < time.monotonic() for due in list(self._due.values())):
                self._replace()
                return

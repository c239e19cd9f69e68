"""A program of this machine that an action started: waited for, and ended with the lease or when time is up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.2


def wait_for(
    process: subprocess.Popen[bytes],
    *,
    name: str,
    seconds: float,
    check: Callable[[], None],
    grace_seconds: float = 0.0,
) -> None:
    """Wait until the leader of a session has ended; whatever is left of that is killed, and told so before in a grace.

    Raises: TimeoutError, and what `check` raises, which is asked all the while.
    """
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} gave no end within {seconds:g} s")
            time.sleep(PAUSE_SECONDS)
    finally:
        if grace_seconds and process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

"""Whether a process still runs, for tests that end some."""

from __future__ import annotations

import psutil


def is_running(process: psutil.Process | int) -> bool:
    """Say whether it runs; one that has ended does not, even where no parent ever asks how it ended (a zombie)."""
    try:
        one = psutil.Process(process) if isinstance(process, int) else process
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

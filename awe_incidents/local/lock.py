"""One folder, one supervisor: a lock that the kernel drops when its holder, and its guardian, are gone."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from awe_incidents.local.errors import AlreadyRunning

LOCK_NAME = "supervisor.lock"
CLEARING_SECONDS = 30.0
POLL_SECONDS = 0.2


def take_lock(state_dir: Path) -> int:
    """Take the folder's lock and give its open descriptor; waits while a killed supervisor's guardian still clears up.

    Raises: AlreadyRunning.
    """
    descriptor = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + CLEARING_SECONDS
    while not _try_lock(descriptor):
        holder = _read_pid(descriptor)
        if is_alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise AlreadyRunning(
                f"{state_dir} is already supervised by process {holder}. Use that one, or stop it first."
            )
        time.sleep(POLL_SECONDS)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def lock_holder(state_dir: Path) -> int | None:
    """Give the process id of the running supervisor, or None; a stale file does not count."""
    try:
        descriptor = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(descriptor) else _read_pid(descriptor)
    finally:
        os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Tell whether a process with this number exists."""
    return pid > 0 and Path(f"/proc/{pid}").exists()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else 0

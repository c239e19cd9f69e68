"""Services that are processes: one that is supervised is restarted by ending it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from awe_incidents.recovery.actions.base import ActionFailed
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import process_of

BACK_SECONDS = 60.0
PAUSE_SECONDS = 0.1


def pid_file_of(site: Site, service: str) -> Path:
    """Give the pid file of a service that may be ended. Raises: ActionNotApplicable."""
    described = site.stack.services[service]
    if described.pid_file is None or not described.supervised:
        raise ActionNotApplicable(f"service {service} is not described as supervised, with a pid_file")
    return described.pid_file


def born(site: Site, service: str) -> str:
    """Say which process a service is: its number and when it began. Raises: ActionNotApplicable, ProcessUnknown."""
    process = process_of(pid_file_of(site, service))
    return f"{process.pid} {process.create_time():.2f}"


def restart_process(
    site: Site, service: str, *, check: Callable[[], None], expected: str = "", grace_seconds: float | None = None
) -> str:
    """End a service's process and wait until what supervises it has started another; give which.

    With `expected` only where it is that process still; with a grace by force after that.
    Raises: ActionFailed (another process; nothing was done), ActionNotApplicable, ProcessUnknown, LeaseLost,
    psutil.Error, TimeoutError.
    """
    before = born(site, service)
    if expected and before != expected:
        raise ActionFailed(f"service {service} is another process than the one that was approved; nothing was done")
    process = process_of(pid_file_of(site, service))
    check()
    process.terminate()  # psutil does nothing to another process that got the same number
    started = time.monotonic()
    deadline = started + (grace_seconds or 0.0) + BACK_SECONDS
    while time.monotonic() < deadline:
        if now := other_process(site, service, before):
            return now
        check()
        if grace_seconds is not None and time.monotonic() > started + grace_seconds:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"service {service} was not started again in {BACK_SECONDS:g} s")


def other_process(site: Site, service: str, before: str) -> str:
    """Give which process a service is where it is another one than before; "" where it is not, or does not run."""
    try:
        now = born(site, service)
    except (ProcessUnknown, psutil.NoSuchProcess):
        return ""
    return now if now != before else ""

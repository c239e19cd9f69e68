"""Services that are processes: one that is supervised is restarted by ending it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

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


def restart_process(site: Site, service: str, *, check: Callable[[], None]) -> None:
    """End a service's process and wait until what supervises it has started another.

    Raises: ActionNotApplicable, ProcessUnknown, LeaseLost, psutil.Error, TimeoutError.
    """
    before = born(site, service)
    process = process_of(pid_file_of(site, service))
    check()
    process.terminate()
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        try:
            if born(site, service) != before:
                return
        except (ProcessUnknown, psutil.NoSuchProcess):
            pass
        check()
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"service {service} was not started again in {BACK_SECONDS:g} s")

"""The service under the demonstration: the running one of this checkout, or one that is started and stopped here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from awe_incidents.local.demonstration.errors import DemoFailed
from awe_incidents.local.layout import CHECKOUT, open_layout
from awe_incidents.local.lock import lock_holder
from awe_incidents.local.programs import DIRECT, plan_deployment

START_SECONDS = 120.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service answers, and the environment of its commands."""

    url: str
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    """Give a service that answers; one that this starts is stopped in order at the end.

    Raises: DemoFailed, with the last lines of its log.
    """
    if lock_holder(folder) is not None:
        yield _service(folder)
        return
    log_path = open_layout(folder).folder / "demo.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "awe_incidents.local", "up"],
            cwd=CHECKOUT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demonstration, which then stops the service in order
        )
        try:
            yield _wait(process, folder, log_path)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], folder: Path, log_path: Path) -> Service:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(OSError):
            service = _service(folder)
            with DIRECT.open(f"{service.url}livez", timeout=1) as answer:
                if answer.status == 200 and lock_holder(folder) is not None:
                    return service
        time.sleep(0.1)
    tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-15:])
    raise DemoFailed(f"the service did not start (whole log: {log_path}):\n{tail}")


def _service(folder: Path) -> Service:
    deployment = plan_deployment(open_layout(folder), moves=False)
    return Service(deployment.url, {**os.environ, **deployment.environment()})


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # the second one hurries
        process.wait(timeout=STOP_SECONDS)

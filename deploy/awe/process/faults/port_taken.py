"""Another process listens on the api's port, and the api cannot start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

from awe_incidents.local.errors import ControlRefused
from awe_incidents.local.lock import lock_holder
from deploy.awe.process.errors import ProcessStackError
from deploy.awe.process.faults import squatter
from deploy.awe.process.faults.fault import Fault

STEP_SECONDS = 10.0
TRY_SECONDS = 1.0
POLL_SECONDS = 0.05


class PortTaken(Fault):
    """The port answers, but it is not the api."""

    slug: ClassVar[str] = "port-taken"
    title: ClassVar[str] = "another process listens on the api's port; the api cannot start"

    def inject(self) -> None:
        """Stop the api, take its port, and let the api try to start."""
        api = self.stack.settings.services.api
        self.stack.stop(api)
        self._take_port()
        with contextlib.suppress(ControlRefused):  # that it cannot start is the point
            self.stack.start(api, timeout_seconds=TRY_SECONDS)

    def is_broken(self) -> bool:
        """The other process holds the port, and the api has given up or is about to start once more."""
        facts = self.stack.status()[self.stack.settings.services.api]
        return self._squatter() is not None and facts["state"] in {"failed", "pausing"}

    def mend(self) -> None:
        """End the other process and start the api."""
        self._end_squatter()
        self.stack.start(self.stack.settings.services.api)

    def _take_port(self) -> None:
        settings, holder = self.stack.settings, lock_holder(self.stack.root)
        argv = [sys.executable, "-I", squatter.__file__, settings.address, str(settings.chosen_ports.api)]
        done = subprocess.run(
            [*argv, str(holder), str(self._pid_file)],
            env={},  # without the supervisor's mark: it is somebody else's process
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=STEP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessStackError(f"Port {settings.chosen_ports.api} could not be taken; who listens on it?")

    def _squatter(self) -> int | None:
        """The id of the other process while it lives; the script's name tells it from a later one of that number."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(squatter.__file__) in command else None

    def _end_squatter(self) -> None:
        pid = self._squatter()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STEP_SECONDS
        while self._squatter() is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    @property
    def _pid_file(self) -> Path:
        return self.notes / "squatter.pid"

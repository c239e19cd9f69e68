"""Processes in the background that are part of a fault: started outside of the supervisor, known by their pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.awe.process.errors import ProcessStackError

STEP_SECONDS = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Background:
    """One script that returns when it has done what it should, and leaves a child behind."""

    script: Path
    pid_file: Path

    def start(self, arguments: Sequence[str], *, environment: Mapping[str, str], otherwise: str) -> None:
        """Run the script; `otherwise` says what is wrong when it cannot.

        Raises: ProcessStackError.
        """
        done = subprocess.run(
            [sys.executable, "-I", str(self.script), *arguments, str(self.pid_file)],
            env=dict(environment),  # without the supervisor's mark: it is somebody else's process
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=STEP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessStackError(otherwise)

    @property
    def pid(self) -> int | None:
        """The id of the child while it lives; the script's name tells it from a later process of that number."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.script) in command else None

    def end(self) -> None:
        """End the child; nothing happens when it is gone."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STEP_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

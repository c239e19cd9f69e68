"""Run one program without a supervisor: for tests and scripts that hold the server themselves."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

from awe_incidents.local.console import telling_line
from awe_incidents.local.errors import ServerFailed
from awe_incidents.local.program import Program
from awe_incidents.local.spawn import kill_group, kill_marked, spawn

POLL_SECONDS = 0.02
CLEAR_SECONDS = 20.0
TAIL_BYTES = 65536


class Alone:
    """A started program and its log file; `stop` ends it within its grace, then by force."""

    def __init__(self, program: Program, *, log: Path) -> None:
        self.program = program
        self.log = log
        self._mark = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Alone:
        """Start the program and wait until it is ready.

        Raises: ServerFailed.
        """
        self._wait_clear()
        if self.program.prepare is not None:
            self.program.prepare()
        with self.log.open("ab") as output:
            self._process = spawn(self.program, output=output, mark=self._mark)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def pid(self) -> int:
        """The process id of the started program."""
        if self._process is None:
            raise ServerFailed(f"{self.program.name} is not started.")
        return self._process.pid

    def stop(self) -> None:
        """Stop the program and whatever it started; stopping twice is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self.program.stop_signal)
        try:
            process.wait(self.program.grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kill_group(process.pid)
        kill_marked(self._mark)
        if self.program.cleanup is not None:
            self.program.cleanup()

    def _wait_clear(self) -> None:
        deadline = time.monotonic() + CLEAR_SECONDS
        while self.program.is_clear is not None and not self.program.is_clear():
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"An earlier {self.program.name} on the same data does not end. Stop it and try again."
                )
            time.sleep(POLL_SECONDS)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.program.ready_seconds
        while self.program.is_ready is not None and not self.program.is_ready():
            if process.poll() is not None:
                raise ServerFailed(
                    f"{self.program.name} ended with {process.returncode}: {_said(self.log)} ({self.log})"
                )
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"{self.program.name} is not ready after {self.program.ready_seconds:g} s ({self.log})"
                )
            time.sleep(POLL_SECONDS)


def _said(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return telling_line(file.read().decode(errors="replace").splitlines())

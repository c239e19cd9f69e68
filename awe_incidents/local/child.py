"""One supervised program through its lives: a small state machine that the supervisor turns.

waiting -> starting -> ready -> (ended) pausing -> starting ...
              |           `-> stopping -> stopped -> (start) waiting
              `-> done (one shot)   failed (gave up)
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Final

from awe_incidents.local.console import Console, Lines, Log
from awe_incidents.local.program import Program
from awe_incidents.local.spawn import kill_group, kill_marked, spawn

WAITING: Final = "waiting"
STARTING: Final = "starting"
READY: Final = "ready"
PAUSING: Final = "pausing"
STOPPING: Final = "stopping"
STOPPED: Final = "stopped"
DONE: Final = "done"
FAILED: Final = "failed"

READ_BYTES = 65536
READS_PER_TURN = 16
CLEAR_SECONDS = 30.0
HURRIED_GRACE_SECONDS = 1.0


@dataclass(slots=True)
class Child:
    """A program, its process if it has one, and where its output goes."""

    program: Program
    log: Log
    console: Console
    mark: str
    state: str = WAITING
    problem: str = ""  # why it failed, one line
    is_reported: bool = False
    failures: int = 0
    restarts: int = 0
    was_ready: bool = False
    start_again: bool = False  # a restart was asked for: start when stopped
    hurries: bool = False  # nobody wants to wait out the grace any more
    process: subprocess.Popen[bytes] | None = None
    _lines: Lines = field(default_factory=Lines)
    _since: float = 0.0  # when the present state began, monotonic
    _pipe: int = -1
    _forced: bool = False

    @property
    def output(self) -> int:
        """The read end of the output pipe, or -1."""
        return self._pipe

    @property
    def is_up(self) -> bool:
        """Whether programs that come after this one may start."""
        return self.state in {READY, DONE}

    def start(self) -> bool:
        """Start the process when the way is clear; tell whether it was started."""
        if self.state != STARTING:
            self._enter(STARTING)
        if self.program.is_clear is not None and not self.program.is_clear():
            if self._age() > CLEAR_SECONDS:
                self._give_up("an earlier process on the same data does not end")
            return False
        try:
            if self.program.prepare is not None:
                self.program.prepare()
            self.process = self._spawn()
        except Exception as error:  # whatever a preparation raises is this program's failure, not the supervisor's
            self._give_up(f"cannot start: {error}")
            return False
        self._enter(STARTING)
        return True

    def look(self) -> None:
        """Notice readiness, exits and missed deadlines."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self._on_exit(self.process.returncode)
        elif self.state == STARTING and not self.program.one_shot:
            self._look_ready()
        elif self.state == READY and self._age() > self.program.restart.forgiven_after_seconds:
            self.failures = 0
        elif self.state == STOPPING and self._age() > self._grace_seconds():
            self._force()
        elif self.state == STARTING and self._age() > self.program.ready_seconds:
            self._give_up(f"did not finish within {self.program.ready_seconds:g} s")

    def stop(self) -> None:
        """Ask the process to end; without one the program is stopped at once."""
        if self.process is None:
            if self.state != DONE:
                self._enter(STOPPED)
            return
        if self.state != STOPPING:
            self._enter(STOPPING)
            self.process.send_signal(self.program.stop_signal)

    def is_due(self) -> bool:
        """Whether its next start is due: the first, one that waits for a clear way, or one after a pause."""
        if self.state == PAUSING:
            return self._age() >= self.program.restart.wait_seconds(max(1, self.failures))
        return self.process is None and self.state in {WAITING, STARTING}

    def reset(self) -> None:
        """Make a stopped or failed program ready to be started anew, its failures forgiven."""
        self.failures = 0
        self.start_again = False
        self.is_reported = False
        self.problem = ""
        self._enter(WAITING)

    def pump(self) -> bool:
        """Read what the process printed, without waiting; False at the end of the output."""
        try:
            for _ in range(READS_PER_TURN):  # others want their turn beside one that prints without end
                received = os.read(self._pipe, READ_BYTES)
                if not received:
                    return False
                self._emit(self._lines.feed(received))
        except BlockingIOError:
            pass
        return True

    def drop_output(self) -> None:
        """Read the last of the output and close the pipe."""
        if self._pipe >= 0:
            self.pump()
            self._emit(self._lines.flush())
            os.close(self._pipe)
            self._pipe = -1

    def _grace_seconds(self) -> float:
        return min(self.program.grace_seconds, HURRIED_GRACE_SECONDS if self.hurries else self.program.grace_seconds)

    def _force(self) -> None:
        if self.process is not None and not self._forced:
            self._forced = True
            self.console.fail(self.program.name, f"did not stop within {self._grace_seconds():g} s, killed")
            kill_group(self.process.pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._pipe, write_end = os.pipe()
        os.set_blocking(self._pipe, False)
        self._forced = False
        self.log.begin()
        try:
            return spawn(self.program, output=write_end, mark=self.mark)
        finally:
            os.close(write_end)

    def _look_ready(self) -> None:
        if self.program.is_ready is None or self.program.is_ready():
            self._enter(READY)
            self.was_ready = True
        elif self._age() > self.program.ready_seconds:
            self._give_up(f"is not ready after {self.program.ready_seconds:g} s")

    def _on_exit(self, code: int) -> None:
        """Clear away what the process left, then decide whether it starts again."""
        if self.process is None:
            return
        kill_group(self.process.pid)  # workers of a killed parent would keep its port
        kill_marked(self.mark)
        self.process = None
        if self.state == STOPPING:
            self._enter(STOPPED)
            if self.program.cleanup is not None:
                self.program.cleanup()
        elif self.program.one_shot and code == 0:
            self._enter(DONE)
        elif self.state != FAILED:
            self._after_failure(code)

    def _after_failure(self, code: int) -> None:
        if self.state == READY and self._age() > self.program.restart.forgiven_after_seconds:
            self.failures = 0
        self.failures += 1
        broken_from_the_start = not self.was_ready and code > 0
        if self.program.one_shot or broken_from_the_start or self.failures > self.program.restart.limit:
            self._give_up(describe_exit(code))
            return
        self.restarts += 1
        pause = self.program.restart.wait_seconds(self.failures)
        self.console.fail(self.program.name, f"{describe_exit(code)}; starts again in {pause:g} s")
        self._enter(PAUSING)

    def _give_up(self, what: str) -> None:
        self.problem = what
        self._enter(FAILED)
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait()
            self._on_exit(self.process.returncode)

    def _emit(self, lines: list[bytes]) -> None:
        for line in lines:
            self.console.say(self.program.name, self.log.write(line))

    def _enter(self, state: str) -> None:
        self.state = state
        self._since = time.monotonic()

    def _age(self) -> float:
        return time.monotonic() - self._since


def describe_exit(code: int) -> str:
    """Say in words how a process ended, from its return code (negative: the signal)."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"

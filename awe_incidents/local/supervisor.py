"""Run programs together: started in order, kept up, commanded from outside, stopped in reverse order.

One thread only. Linux ties a child's parent-death signal to the thread that started it, and a fork beside other threads
may hang; so output, control commands, signals and readiness all take their turn in one loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from awe_incidents.local import child as states
from awe_incidents.local import guardian
from awe_incidents.local.child import Child
from awe_incidents.local.console import Console, Log
from awe_incidents.local.control import COMMANDS, SOCKET_NAME, listen
from awe_incidents.local.lock import take_lock
from awe_incidents.local.program import Program

BUSY_SECONDS = 0.1  # between looks while something starts or stops
IDLE_SECONDS = 1.0
ORPHAN_GRACE_SECONDS = 5.0
REQUEST_SECONDS = 1.0
OWN_NAME = "supervisor"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Runs the programs from a state folder: logs/NAME.log, the lock and the control socket lie there."""

    def __init__(
        self, programs: Sequence[Program], *, state_dir: Path, on_ready: Callable[[Console], None] | None = None
    ) -> None:
        self.state_dir = state_dir
        self._mark = uuid.uuid4().hex
        self._on_ready = on_ready
        self._console = Console([*(program.name for program in programs), OWN_NAME])
        (state_dir / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._children = {program.name: self._child(program) for program in programs}
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0
        self._exit_code = 0
        self._announced = False
        self._guardian: subprocess.Popen[bytes] | None = None

    def run(self, *, lock: int | None = None) -> int:
        """Run until a signal, a `shutdown` or a failure; give the exit code. Call it from the main thread.

        `lock` is a descriptor of `take_lock`, when the caller had to hold it before. Raises: AlreadyRunning.
        """
        lock = take_lock(self.state_dir) if lock is None else lock
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, lock)
            stack.enter_context(self._signals())
            control = stack.enter_context(listen(self.state_dir))
            stack.callback((self.state_dir / SOCKET_NAME).unlink, missing_ok=True)
            self._selector.register(control, selectors.EVENT_READ, lambda: self._answer(control))
            self._guardian = self._start_guardian(lock)
            stack.callback(self._dismiss_guardian)
            try:
                self._keep_up()
            finally:
                self._bring_down()
        return self._exit_code

    def _keep_up(self) -> None:
        while not self._stop_requests:
            for child in self._children.values():
                self._turn(child)
                if child.state == states.FAILED and not child.is_reported:
                    self._report(child)
            self._announce()
            self._wait()

    def _turn(self, child: Child) -> None:
        if child.is_due() and self._may_start(child):
            self._start(child)
        child.look()
        if child.process is None and child.output >= 0:
            self._forget_output(child)
        if child.start_again and child.process is None:
            child.reset()

    def _may_start(self, child: Child) -> bool:
        names = list(self._children)
        after = child.program.after
        needed = names[: names.index(child.program.name)] if after is None else after
        return all(self._children[name].is_up for name in needed if name in self._children)

    def _start(self, child: Child) -> None:
        if not child.start() or child.process is None:
            return
        self._selector.register(child.output, selectors.EVENT_READ, lambda: self._pump(child))
        self._tell_guardian(child.process.pid)

    def _pump(self, child: Child) -> None:
        if not child.pump():  # the end of the pipe would wake us for ever
            self._selector.unregister(child.output)

    def _forget_output(self, child: Child) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.output)
        child.drop_output()

    def _report(self, child: Child) -> None:
        """Say the one clear line; an essential program takes the others down with it."""
        said = child.log.telling_line()
        self._console.fail(OWN_NAME, f"{child.program.name} {child.problem}. It said: {said}. Log: {child.log.path}")
        child.is_reported = True
        if child.program.essential:
            self._exit_code = 1
            self._stop_requests += 1

    def _announce(self) -> None:
        if self._announced or not all(child.is_up for child in self._children.values()):
            return
        self._announced = True
        if self._on_ready is not None:
            self._on_ready(self._console)

    def _wait(self) -> None:
        steady = {states.READY, states.DONE, states.STOPPED, states.FAILED}
        calm = all(child.state in steady for child in self._children.values())
        for key, _ in self._selector.select(IDLE_SECONDS if calm else BUSY_SECONDS):
            key.data()

    def _bring_down(self) -> None:
        """Stop one after the other, last started first; a second signal kills what is left at once."""
        asked = max(1, self._stop_requests)
        for child in reversed(self._children.values()):
            child.stop()
            while child.process is not None:
                child.hurries = self._stop_requests > asked
                self._wait()
                child.look()
            self._forget_output(child)
            child.log.close()

    def _child(self, program: Program) -> Child:
        log = Log(self.state_dir / "logs" / f"{program.name}.log")
        return Child(program=program, log=log, console=self._console, mark=f"{self._mark}-{program.name}")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Count stop signals, and let every signal (also a child's end) wake the loop."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, lambda: reader.recv(4096))
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            reader.close()
            writer.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _start_guardian(self, lock: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, self._mark, str(ORPHAN_GRACE_SECONDS)],
            env={},  # without our mark, or a supervisor above us would take it for a leftover
            stdin=subprocess.PIPE,
            pass_fds=[lock],
            start_new_session=True,
        )

    def _tell_guardian(self, pid: int) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guardian.stdin.write(f"{pid}\n".encode())
                self._guardian.stdin.flush()

    def _dismiss_guardian(self) -> None:
        if self._guardian is not None:
            self._guardian.communicate()

    def _answer(self, control: socket.socket) -> None:
        connection, _ = control.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(REQUEST_SECONDS)
            request = connection.makefile("rb").readline(4096)
            connection.sendall(json.dumps(self._obey(request)).encode() + b"\n")

    def _obey(self, request: bytes) -> dict[str, object]:
        try:
            fields = json.loads(request)
            command, name = fields["command"], fields.get("name", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": "Send one JSON line with command and name."}
        if command not in COMMANDS:
            return {"error": f"Unknown command {command!r}; known are {', '.join(COMMANDS)}."}
        if command == "shutdown":
            self._stop_requests += 1
        elif command != "status":
            if name not in self._children:
                return {"error": f"No program {name!r}; there are {', '.join(self._children)}."}
            self._command_child(command, self._children[name])
        return {"programs": {name: _facts(child) for name, child in self._children.items()}}

    def _command_child(self, command: str, child: Child) -> None:
        if command in {"stop", "restart"}:
            child.start_again = command == "restart"
            child.stop()
        if command == "start" and child.state == states.STOPPING:
            child.start_again = True
        elif command == "start" and child.process is None:
            child.reset()


def _facts(child: Child) -> dict[str, object]:
    return {
        "state": child.state,
        "pid": child.process.pid if child.process else None,
        "restarts": child.restarts,
        "problem": child.problem,
        "log": str(child.log.path),
    }

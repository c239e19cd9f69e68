"""Command a running supervisor from outside: one JSON line each way over a unix socket in its state folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from awe_incidents.local.errors import ControlRefused, NotRunning

SOCKET_NAME = "control.sock"
COMMANDS = ("status", "start", "stop", "restart", "shutdown")
GOALS = {"start": {"ready", "done"}, "restart": {"ready", "done"}, "stop": {"stopped", "done"}}
ANSWER_SECONDS = 15.0
POLL_SECONDS = 0.1

Status = dict[str, dict[str, Any]]


def control(state_dir: Path, command: str, name: str = "", *, timeout_seconds: float = 60.0) -> Status:
    """Send one of COMMANDS, wait until it is done, and give the status.

    The status maps program names to state, pid, restarts and problem.
    Raises: NotRunning, ControlRefused.
    """
    deadline = time.monotonic() + timeout_seconds
    status = _ask(state_dir, {"command": command, "name": name})
    while name and command in GOALS and status[name]["state"] not in GOALS[command]:
        if status[name]["state"] == "failed":
            raise ControlRefused(f"{name} failed: {status[name]['problem']}")
        if time.monotonic() > deadline:
            raise ControlRefused(f"{name} is still {status[name]['state']} after {timeout_seconds:g} s.")
        time.sleep(POLL_SECONDS)
        status = _ask(state_dir, {"command": "status", "name": ""})
    return status


def listen(state_dir: Path) -> socket.socket:
    """Open the supervisor's end; only this user may connect."""
    with _folder(state_dir) as folder:
        (state_dir / SOCKET_NAME).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        before = os.umask(0o077)
        try:
            server.bind(f"{folder}/{SOCKET_NAME}")
        finally:
            os.umask(before)
    server.listen()
    server.setblocking(False)
    return server


def _ask(state_dir: Path, request: dict[str, str]) -> Status:
    try:
        with _folder(state_dir) as folder, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SECONDS)
            client.connect(f"{folder}/{SOCKET_NAME}")
            client.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(client.makefile("rb").readline())
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning(f"Nothing is running for {state_dir}.") from None
    except (TimeoutError, ConnectionResetError, BrokenPipeError, json.JSONDecodeError):
        raise ControlRefused(f"The supervisor of {state_dir} gave no answer.") from None
    if "error" in answer:
        raise ControlRefused(answer["error"])
    status: Status = answer["programs"]
    return status


@contextlib.contextmanager
def _folder(state_dir: Path) -> Iterator[str]:
    """Name the folder by descriptor: a socket path may have 107 bytes only, and checkouts lie deep."""
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)

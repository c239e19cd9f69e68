"""Another process on the host listens on the proxy's port, so its container cannot be started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from deploy.awe.process.settings import is_free
from tests.faults.doing import apply_service, state
from tests.faults.fault import Fault


def squat(port: int, *, notes: Path) -> None:
    notes.mkdir(parents=True, exist_ok=True)
    program = f"import socket, time; s = socket.create_server(('0.0.0.0', {port})); time.sleep(36000)"
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    (notes / "squatter.pid").write_text(str(process.pid))
    assert wait_for(lambda: not is_free("0.0.0.0", port), seconds=10)


def leave(*, notes: Path) -> None:
    file = notes / "squatter.pid"
    if file.exists():
        pid = int(file.read_text())
        os.kill(pid, signal.SIGTERM)
        file.unlink()
        os.waitpid(pid, 0)


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    stack.compose("rm", "-sf", names.caddy)
    squat(stack.settings.port, notes=stack.notes)
    apply_service(stack, names.caddy)


def is_broken(stack: ComposeStack) -> bool:
    return state(stack, stack.settings.names.caddy).get("Status") == "created"


def heal(stack: ComposeStack) -> None:
    names = stack.settings.names
    leave(notes=stack.notes)
    stack.compose("up", "-d", "--no-deps", names.caddy)


FAULT = Fault(
    slug="port-conflict",
    category="startup",
    title="another process on the host listens on the proxy's port, so its container cannot be started",
    causes=("port_taken",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
    about="caddy",
)

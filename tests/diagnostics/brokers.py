"""Real Valkey servers for tests, each with its own settings, and processes that play a worker."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.valkey import ValkeyServer
from diagnostics.stack import Queue, SecretReference, Service

NO_SNAPSHOTS = {"appendonly": "no", "save": '""', "maxmemory": "256mb"}


@dataclass(frozen=True)
class Broker:
    """A running server and how a stack describes it."""

    root: Path
    port: int
    password: str
    pid: int

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, password=self.password)

    def queue(self, **more: Any) -> Queue:
        fields: dict[str, Any] = {
            "service": "post-office",
            "adapter": "redis-list",
            "host": "127.0.0.1",
            "port": self.port,
            "password": SecretReference("file", "broker/password"),
            "pending": ("letters",),
            "processing": "letters:open",
            "worker_service": "postman",
        }
        return Queue(**fields | more)


@contextlib.contextmanager
def running_broker(**settings: str) -> Iterator[Broker]:
    """Start a server in a folder that its own user can reach, as pytest's folders cannot be."""
    root = Path(tempfile.mkdtemp(prefix="awe-broker-"))
    root.chmod(0o711)
    port = take_port(root / "ports.json", "valkey")
    server = ValkeyServer.at(root / "broker", port=port, settings=NO_SNAPSHOTS | settings)
    alone = Alone(server.program(), log=root / "valkey.log").start()
    try:
        yield Broker(root, port, (root / "broker" / "password").read_text().strip(), alone.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(alone.pid, signal.SIGCONT)
        alone.stop()
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def running_worker(root: Path, *, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that does nothing, with its pid file in `root/postman.pid`."""
    argv = [sys.executable, "-c", "import time; time.sleep(120)"]
    process = subprocess.Popen(argv, env=os.environ | (environment or {}))
    (root / "postman.pid").write_text(f"{process.pid}\n")
    wait_until(lambda: Path(f"/proc/{process.pid}/environ").read_bytes() != b"")
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def services(root: Path, **more: Any) -> dict[str, Service]:
    return {
        "post-office": Service(name="post-office", role="queue"),
        "postman": Service(name="postman", role="worker", pid_file=root / "postman.pid", **more),
    }


def wait_until(holds: Callable[[], object], *, seconds: float = 5.0) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "what the test waits for did not happen"
        time.sleep(0.01)

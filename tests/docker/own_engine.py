"""An engine that belongs to one file of tests, and is restarted: in a network of its own, beside whatever else runs.

In a network that it shares with another engine it would take that one's bridge away, and on the engine of everybody it
would end their containers; its own are in no network, made of the host's static busybox.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import psutil

from deploy.awe.compose.busybox import import_busybox
from deploy.awe.compose.engine import answers, clear_what_a_killed_one_left, install_programs
from tests.diagnostics.brokers import wait_until
from tests.docker.roads import TINY

START_SECONDS = 60.0


class OwnEngine:
    """A daemon below a folder of its own."""

    def __init__(self) -> None:
        install_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="awe-engine-"))
        self.host = f"unix://{self.folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        clear_what_a_killed_one_left(self.folder)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--net"),
                    "dockerd",
                    f"--data-root={self.folder / 'data'}",
                    f"--exec-root={self.folder / 'exec'}",
                    f"--pidfile={self.folder / 'pid'}",
                    f"--host={self.host}",
                    *("--bridge=none", "--iptables=false", "--ip-forward=false"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: answers(self.host), seconds=START_SECONDS)

    def end(self, by: signal.Signals) -> None:
        """End the daemon by a signal, and wait until it has."""
        assert self._process is not None
        os.kill(self._process.pid, by)
        self._process.wait(timeout=START_SECONDS)

    @contextmanager
    def client(self) -> Iterator[docker.DockerClient]:
        with closing(docker.DockerClient(base_url=self.host, timeout=60)) as client:
            yield client

    def remove(self) -> None:
        with suppress(Exception), self.client() as client:
            for container in client.containers.list(all=True):
                container.remove(force=True)
        with suppress(ProcessLookupError):  # a test that failed ended it, perhaps
            self.end(signal.SIGTERM)
        # Of a container that was about to begin a shim stays; each start of a daemon mounts its folder onto itself.
        for one in psutil.process_iter(["cmdline"]):
            if any(word.startswith(str(self.folder)) for word in one.info["cmdline"] or ()):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        for words in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = words.split()[1]
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
        for _ in range(50):  # what it mounted goes a moment after it
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break
            time.sleep(0.1)


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    engine = OwnEngine()
    engine.start()
    try:
        import_busybox(engine.host, image=TINY)
        yield engine
    finally:
        engine.remove()

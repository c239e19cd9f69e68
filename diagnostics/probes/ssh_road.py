"""A local socket whose connections go to an engine over SSH: each runs `docker system dial-stdio` on the other host.

docker-py's own SSH can neither carry a program's input nor say why it was refused (seen with 7.1: its socket of an exec
has no channel). The system's `ssh` is run as it is, with its configuration, keys and known hosts, and asks nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from diagnostics.probes.engine_failures import EngineFailure

LAST_WORDS = 300
FOLDER_START = "awe-ssh-"
# What ssh (OpenSSH 9) and the other side's shell say on standard error, seen from them.
SAID: tuple[tuple[str, str], ...] = (
    ("engine.ssh_host_key", r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED"),
    ("engine.ssh_refused", r"Permission denied \(|Too many authentication failures|no matching host key"),
    ("engine.no_program", r"docker: (command )?not found|docker: No such file|'?system'? is not a docker command"),
    ("engine.permission", r"permission denied while trying to connect"),
    ("engine.no_socket", r"Cannot connect to the Docker daemon|no such file or directory"),
    ("engine.dns", r"Could not resolve hostname"),
    ("engine.refused", r"Connection refused"),
    ("engine.unreachable", r"No route to host|Network is unreachable"),
    ("engine.timeout", r"timed out|Timeout"),
)


@dataclass(slots=True)
class SshRoad:
    """The road to one ssh:// address; `address` is what a client connects to. Close it."""

    url: str
    seconds: float
    address: str = field(init=False)
    _listener: socket.socket = field(init=False, repr=False)
    _folder: tempfile.TemporaryDirectory[str] = field(init=False, repr=False)
    _command: list[str] = field(init=False, repr=False)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Listen; nothing is dialed before somebody connects. Raises: EngineFailure."""
        command = _command(self.url, self.seconds)
        _remove_left_folders()
        self._folder = tempfile.TemporaryDirectory(prefix=f"{FOLDER_START}{os.getpid()}-")
        # One login carries all connections of the road: a server drops logins at random when ten are under way.
        shared = ["-oControlMaster=auto", "-oControlPersist=no", f"-oControlPath={self._folder.name}/%C"]
        self._command = [command[0], *shared, *command[1:]]
        place = Path(self._folder.name) / "engine.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place))
        self._listener.listen()
        self.address = f"unix://{place}"
        Thread(target=self._accept, daemon=True, name=f"ssh {self.url}").start()

    def close(self) -> None:
        """Hang up whatever is still dialed."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._running:
            one.terminate()
        for one in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(timeout=1)
        self._folder.cleanup()

    def failure(self) -> EngineFailure | None:
        """Give why the last connection did not come about, where ssh said it."""
        words = " ".join(self._words.read_text(errors="replace").split())
        code = next((code for code, pattern in SAID if re.search(pattern, words)), "engine.ssh")
        return EngineFailure(code, f"{self.url} cannot be used: {words[-LAST_WORDS:]}") if words else None

    @property
    def _words(self) -> Path:
        place = Path(self._folder.name) / "said"
        place.touch()
        return place

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError), self._words.open("ab") as said:
                self._running.append(
                    subprocess.Popen(self._command, stdin=client.fileno(), stdout=client.fileno(), stderr=said)
                )


def _remove_left_folders() -> None:
    """Remove what looks left behind that were killed at their deadline."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_START}*-*"):
        pid = folder.name.removeprefix(FOLDER_START).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _command(url: str, seconds: float) -> list[str]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise EngineFailure("engine.dns", f"{url} names no host")
    return [
        "ssh",
        "-T",
        "-oBatchMode=yes",
        f"-oConnectTimeout={max(1, round(seconds))}",
        *(["-l", parts.username] if parts.username else []),
        *(["-p", str(port)] if port else []),
        "--",
        host,
        "docker",
        "system",
        "dial-stdio",
    ]

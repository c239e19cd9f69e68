"""Find a Docker Engine that answers, or start a private one; packages come from Debian where root may install them.

Facts of dockerd 20.10 that show here (seen): after a hard kill its pid file, its socket and for some seconds its
containerd are left behind, and a new one gives up after 15 s; two engines in one network namespace fight over docker0.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.awe.compose.errors import EngineMissing

HOME = Path(os.environ.get("AWE_LAB_HOME", "/tmp/awe-lab"))  # noqa: S108  shared by all checkouts on purpose: an engine is one for a machine
SYSTEM_SOCKET = "unix:///var/run/docker.sock"
PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "tc": "iproute2",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
}
START_SECONDS = 30.0
LEFT_SECONDS = 15.0
POLL_SECONDS = 0.25


def answers(host: str) -> bool:
    """Tell whether an engine answers at this address."""
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(
        ["docker", "-H", host, "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        timeout=20,
        check=False,
    )
    return done.returncode == 0


def find_engine(home: Path = HOME) -> str | None:
    """Give the address of the first engine that answers: the given one, our own, the system's."""
    candidates = [os.environ.get("DOCKER_HOST", ""), _socket(home), SYSTEM_SOCKET]
    return next((host for host in candidates if host and answers(host)), None)


def ensure_engine(home: Path = HOME) -> str:
    """Give the address of an engine that answers; installs and starts a private one where none does.

    Raises: EngineMissing.
    """
    install_programs()
    if host := find_engine(home):
        return host
    _start(home)
    return _socket(home)


def install_programs(programs: Mapping[str, str] = PROGRAMS) -> None:
    """Install the packages of programs that are missing, as root on Debian.

    Raises: EngineMissing.
    """
    missing = sorted({package for program, package in programs.items() if shutil.which(program) is None})
    if not missing:
        return
    wanted = f"apt-get install {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineMissing(f"Programs are missing, and installing them needs root on Debian: {wanted}")
    print(f"Installing {', '.join(missing)} ...", flush=True)
    # In this run level a package's service is not started: what runs is what we start.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", **os.environ}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *arguments], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineMissing(f"{wanted} failed: {done.stderr.strip().splitlines()[-1:]}")


def stop_engine(home: Path = HOME) -> bool:
    """Stop the private engine and its containers; tell whether one ran."""
    pid = _pid(home / "dk" / "pid")
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    for _ in _polls(START_SECONDS):
        if not _is_alive(pid):
            break
    return True


def _start(home: Path) -> None:
    folder = home / "dk"
    folder.mkdir(parents=True, exist_ok=True)
    clear_what_a_killed_one_left(folder)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={folder / 'data'}",
                f"--exec-root={folder / 'exec'}",
                f"--pidfile={folder / 'pid'}",
                f"--host={_socket(home)}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives us, as images and containers are to be used again
        )
    for _ in _polls(START_SECONDS):
        if answers(_socket(home)):
            return
        if process.poll() is not None:
            break
    tail = (folder / "log").read_text(errors="replace").splitlines()[-3:]
    raise EngineMissing(f"dockerd did not start; {folder / 'log'} ends with: {' | '.join(tail)}")


def clear_what_a_killed_one_left(folder: Path) -> None:
    """Make way for a new engine in a folder where none runs: pid file, socket, and a containerd that lingers."""
    if _pid(folder / "pid") is not None:
        return
    (folder / "pid").unlink(missing_ok=True)
    (folder / "docker.sock").unlink(missing_ok=True)
    left = folder / "exec" / "containerd" / "containerd.pid"
    pid = _pid(left)
    if pid is not None and str(folder) in _command_line(pid):
        os.kill(pid, signal.SIGTERM)
        for _ in _polls(LEFT_SECONDS):
            if not _is_alive(pid):
                break
    left.unlink(missing_ok=True)


def _socket(home: Path) -> str:
    return f"unix://{home}/dk/docker.sock"


def _pid(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(file.read_text())
        return pid if _is_alive(pid) else None
    return None


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    return ""


def _polls(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL_SECONDS)

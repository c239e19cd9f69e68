"""Folders, a cluster and a supervisor in a process of its own for these tests."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from awe_incidents.local.accounts import as_account, server_account
from awe_incidents.local.control import control
from awe_incidents.local.layout import CHECKOUT
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.roles import LOGINS, create_database, create_roles

DEPLOYMENT = Path(__file__).with_name("deployment.py")
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "AWE_", "DJANGO_", "MIGRATOR_", "SIGNER_", "READONLY_", "SUPERUSER_")


def environment() -> dict[str, str]:
    """Our environment without what would lead to the test run's own servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}


def wait_for(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait until the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.03)


class Supervised:
    """A supervisor process of deployment.py and what it printed."""

    def __init__(self, kind: str, folder: Path, *, argv: tuple[str, ...] = (sys.executable,), **popen: object) -> None:
        self.folder = folder
        self.printed = folder / "printed"
        ports = [str(take_port(folder / "ports.json", name)) for name in ("postgres", "valkey")]
        command = [*argv, str(DEPLOYMENT), kind, str(folder), *ports]
        options = {"env": environment(), "cwd": "/", **popen}
        with self.printed.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, **options)  # type: ignore[call-overload]

    @property
    def output(self) -> str:
        return self.printed.read_text()

    def wait_ready(self) -> Supervised:
        wait_for(lambda: "all ready" in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, self.output
        return self

    def pid(self, name: str) -> int:
        return int(control(self.folder, "status")[name]["pid"])

    def is_ready(self, name: str, *, other_than: int = 0) -> bool:
        facts = control(self.folder, "status")[name]
        return bool(facts["state"] == "ready" and facts["pid"] != other_than)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 20.0) -> int:
        self.process.send_signal(number)
        return int(self.process.wait(seconds))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' user can enter (pytest's own tmp_path is private to us)."""
    path = Path(tempfile.mkdtemp(prefix="awe-local-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def supervise(folder: Path) -> Iterator[Callable[..., Supervised]]:
    """Start a supervisor of deployment.py by kind; whatever still runs at the end is ended."""
    started: list[Supervised] = []

    def start(kind: str, place: Path = folder, **options: object) -> Supervised:
        started.append(Supervised(kind, place, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for supervised in started:
        if supervised.process.poll() is None:
            supervised.process.terminate()
            try:
                supervised.process.wait(20)
            except subprocess.TimeoutExpired:
                supervised.process.kill()
                supervised.process.wait()


@pytest.fixture(scope="session")
def passwords() -> dict[str, str]:
    return {name: secrets.token_urlsafe(16) for name in LOGINS}


@pytest.fixture(scope="session")
def cluster(passwords: dict[str, str]) -> Iterator[PostgresCluster]:
    """A running cluster with the roles and the database `sample`."""
    place = Path(tempfile.mkdtemp(prefix="awe-local-"))
    place.chmod(0o711)
    port = take_port(place / "ports.json", "postgres")
    server = PostgresCluster.at(place / "postgres", port=port, settings={"fsync": "off"})
    running = server.alone().start()
    create_roles(server, passwords)
    create_database(server, "sample")
    yield server
    running.stop()
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def unprivileged_python() -> tuple[str, ...]:
    """A Python of our version that the servers' user can run with our packages, for what root tests as that user."""
    account = server_account()
    packages = [path for path in sys.path if path.endswith("site-packages")]
    probe = "import sys, psycopg, awe_incidents.local; print(sys.version_info[:2])"
    for interpreter in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        argv = ("/usr/bin/env", f"PYTHONPATH={os.pathsep.join([str(CHECKOUT), *packages])}", interpreter)
        if not Path(interpreter).exists():
            continue
        try:
            done = subprocess.run(
                [*argv, "-c", probe], capture_output=True, cwd="/", timeout=20, check=False, **as_account(account)
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return argv
    pytest.skip("no Python of this version can be run by an unprivileged user here (it lies in a private home)")

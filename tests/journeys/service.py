"""A running service of the tests' own: everything `make up` starts, in a folder of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from awe_incidents.local.control import control
from awe_incidents.local.layout import CHECKOUT

START_SECONDS = 120.0
FOREIGN = ("DATABASE_URL", "REDIS_URL", "SUPERUSER_DATABASE_URL", "MIGRATOR_DATABASE_URL", "AWE_PORT", "AWE_DB_POOL")


@dataclass(slots=True)
class Service:
    """The service from outside: its address, its folder, tokens by person."""

    folder: Path
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    tokens: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['AWE_PORT']}"

    def client(self, person: str = "demo-operator", **options: Any) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.tokens[person]}"},
            trust_env=False,
            **{"timeout": 30, **options},
        )

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, stack_toml: Path) -> None:
        self.manage("apply_stack", str(stack_toml))

    def kill(self, program: str) -> None:
        """Kill -9 one program's process, whatever it is doing; the supervisor starts it again."""
        os.kill(control(self.folder, "status")[program]["pid"], signal.SIGKILL)

    def is_ready(self, program: str) -> bool:
        return bool(control(self.folder, "status")[program]["state"] == "ready")

    def follow(self, run_url: str, *, seconds: float) -> dict[str, Any]:
        """Wait until a run is finished and give it; fails the test when it does not end in time."""
        with self.client() as http:
            ends_at = time.monotonic() + seconds
            while time.monotonic() < ends_at:
                run: dict[str, Any] = http.get(run_url).raise_for_status().json()
                if run["state"] == "finished":
                    return run
                time.sleep(0.1)
        raise AssertionError(f"{run_url} did not finish within {seconds} s: {_open(run)}")


def _open(run: Mapping[str, Any]) -> list[str]:
    return [f"{one['check_id']} {one['progress']}" for one in run["results"] if one["progress"] != "stored"]


def wait_until(is_true: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll; fails the test with `what` when it does not come true in time."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        try:
            if is_true():
                return
        except (OSError, httpx.HTTPError, KeyError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


@contextmanager
def running_service(*wrapper: str, **variables: str) -> Iterator[Service]:
    """Start everything (by a wrapping command where given), give it with people and tokens, stop it in order."""
    folder = Path(tempfile.mkdtemp(prefix="awe-journey-"))
    folder.chmod(0o711)
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment |= {"AWE_LOCAL_DIR": str(folder), **variables}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "awe_incidents.local", "up"],
            cwd=CHECKOUT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    service = Service(folder, process)
    try:
        _wait(service, environment)
        service.tokens = json.loads(service.manage("demo_access"))["tokens"]
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(service: Service, environment: Mapping[str, str]) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        assert service.process.poll() is None, (service.folder / "up.log").read_text()[-3000:]
        printed = subprocess.run(
            [sys.executable, "-m", "awe_incidents.local", "env"],
            cwd=CHECKOUT,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if printed.returncode == 0:
            exports = (shlex.split(line)[1].partition("=") for line in printed.stdout.splitlines())
            service.environment = {**environment, **{name: value for name, _, value in exports}}
            try:
                if httpx.get(f"{service.url}/readyz", trust_env=False, timeout=2).is_success:
                    return
            except httpx.HTTPError:
                pass
        time.sleep(0.2)
    raise AssertionError((service.folder / "up.log").read_text()[-3000:])

"""One deployment of the Docker form: laid out, started, asked, stopped; containers are found by labels alone."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from awe_incidents.local.secret_file import write_private
from deploy.awe.certificates import Infrastructure
from deploy.awe.compose.description import render
from deploy.awe.compose.engine import HOME
from deploy.awe.compose.errors import ComposeFailed, NotHealthy, NotRunning
from deploy.awe.compose.health import problems
from deploy.awe.compose.rendering import compose_files, proxy_files
from deploy.awe.compose.settings import ComposeSettings
from deploy.awe.issuing import SERVER_NAMES
from deploy.awe.process.client import PROBE, ApiClient
from deploy.awe.process.layout import AWE, link, read_environment, write_environment

PROXY_UID = 2000  # the proxy's user in its image, who reads the server's key
SECRETS = ("POSTGRES_PASSWORD", "APP_DB_PASSWORD", "JWT_SECRET_KEY", "PROBE_PASSWORD")
HEALTHY_SECONDS = 120.0
POLL_SECONDS = 0.5
ENGINE_SECONDS = 60
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


@dataclass(frozen=True)
class ComposeStack:
    """A project directory and the engine that runs it."""

    root: Path
    host: str  # of the engine, as in DOCKER_HOST

    @cached_property
    def engine(self) -> docker.DockerClient:
        """The engine's client."""
        return docker.DockerClient(base_url=self.host, timeout=ENGINE_SECONDS)

    @property
    def settings(self) -> ComposeSettings:
        """What this deployment is called. Raises: NotLaidOut."""
        return ComposeSettings.load(self.root / "settings.json")

    @property
    def description(self) -> Path:
        """The stack.toml that diagnostics reads."""
        return self.root / "stack.toml"

    @property
    def notes(self) -> Path:
        """Where faults keep what their mending needs: outside of what is diagnosed."""
        return HOME / "state" / self.root.name

    @property
    def certificates(self) -> Infrastructure:
        """The certificate files."""
        names = [self.settings.names.caddy, *(name for name in SERVER_NAMES if name != "caddy")]
        ordered = ["localhost", *(name for name in names if name != "localhost")]
        owner = PROXY_UID if os.geteuid() == 0 else None
        return Infrastructure(root=self.root, server_names=ordered, owner_id=owner)

    def lay_out(self, settings: ComposeSettings) -> None:
        """Write the project directory; secrets and certificates that are there stay.

        Raises: ComposeStackError.
        """
        settings.check()
        self.root.mkdir(parents=True, exist_ok=True)
        settings.save(self.root / "settings.json")
        self.write_configuration()
        variables = self.root / ".env"
        if not variables.exists():
            values = {name: secrets.token_hex(16) for name in SECRETS}
            write_environment(variables, {"COMPOSE_PROJECT_NAME": settings.project, **values})
        (self.root / "secrets").mkdir(mode=0o700, exist_ok=True)
        for name, value in read_environment(variables).items():
            if name in SECRETS:
                write_private(self.root / "secrets" / name.lower(), f"{value}\n")
        for name in ("scripts", "curl-format.txt"):
            link(self.root / name, AWE / name)
        self.certificates.set_up()
        self.description.write_text(render(self.settings, host=self.host))

    def write_configuration(self) -> None:
        """Write compose files and the proxy's configuration as they are when nothing is broken."""
        for name, text in compose_files(self.settings).items():
            (self.root / name).write_text(text)
        folder = self.root / "config" / "caddy"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in proxy_files(self.settings).items():
            (folder / name).write_text(text)

    def up(self) -> None:
        """Start everything, wait until it is healthy and take a first backup.

        Raises: ComposeFailed, NotHealthy.
        """
        self.compose("up", "-d")
        self.wait_until_healthy()
        self.exec(self.settings.names.database, ["backup.sh"])

    def down(self, *, delete: bool = False) -> None:
        """Stop and remove the containers; with `delete` volumes, secrets, certificates and the directory, too."""
        for left in self.engine.containers.list(all=True, filters={"label": f"awe.fault={self.settings.project}"}):
            left.remove(force=True)
        self.write_configuration()  # a broken compose file cannot be taken down
        self.compose("down", "--remove-orphans", *(["-v"] if delete else []))
        if delete:
            shutil.rmtree(self.root, ignore_errors=True)
            shutil.rmtree(self.notes, ignore_errors=True)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run docker-compose in the project directory and give what it says.

        Raises: ComposeFailed.
        """
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.root),
            "DOCKER_HOST": self.host,
            "COMPOSE_FILE": self.settings.compose_file,
            "COMPOSE_PROJECT_NAME": self.settings.project,
        }
        done = subprocess.run(
            ["docker-compose", *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise ComposeFailed(f"docker-compose {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout + done.stderr

    def container(self, service: str) -> Container:
        """Give the container of a service, in whatever state it is.

        Raises: NotRunning.
        """
        labels = [f"{PROJECT_LABEL}={self.settings.project}", f"{SERVICE_LABEL}={service}"]
        found = self.engine.containers.list(all=True, filters={"label": labels})
        if not found:
            raise NotRunning(f"service {service} has no container")
        return found[0]

    def inspect(self, service: str) -> dict[str, Any]:
        """Give what the engine knows of a service's container; empty where there is none."""
        try:
            container = self.container(service)
        except NotRunning:
            return {}
        return dict(container.attrs)

    def exec(self, service: str, arguments: Sequence[str], *, check: bool = True) -> str:
        """Run a program in a service's container and give its output.

        Raises: NotRunning, ComposeFailed.
        """
        name = str(self.container(service).id)
        done = subprocess.run(
            ["docker", "-H", self.host, "exec", name, *arguments], capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()[-500:]
            raise ComposeFailed(f"{service}: {' '.join(arguments)} exited with {done.returncode}: {said}")
        return done.stdout + done.stderr

    def client(self, *, timeout_seconds: float = 12.0, with_certificate: bool = True) -> ApiClient:
        """Give a client of the api behind the proxy."""
        files = self.certificates
        return ApiClient(
            host="localhost",
            port=self.settings.port,
            ca=files.ca.with_suffix(".crt"),
            certificate=files.client.with_suffix(".crt") if with_certificate else None,
            key=files.client.with_suffix(".key") if with_certificate else None,
            timeout_seconds=timeout_seconds,
        )

    def secret(self, name: str) -> str:
        """Give a secret of the deployment."""
        return read_environment(self.root / ".env")[name]

    def token(self, *, username: str = PROBE, password: str = "") -> str:
        """Log in. Raises: ApiUnreachable."""
        return self.client().token(username=username, password=password or self.secret("PROBE_PASSWORD"))

    def wait_until_healthy(self, *, timeout_seconds: float = HEALTHY_SECONDS) -> None:
        """Wait until nothing is wrong.

        Raises: NotHealthy.
        """
        found: list[str] = []

        def is_healthy() -> bool:
            found[:] = problems(self)
            return not found

        if not wait_for(is_healthy, seconds=timeout_seconds):
            raise NotHealthy(f"not healthy after {timeout_seconds:g} s: {'; '.join(found)}")


def wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask until the answer is yes; tell whether it came in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True

"""A service of the bench's own in a temporary folder: embedded servers, and those of our programs that are wanted."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from awe_incidents.local.alone import Alone
from awe_incidents.local.layout import CHECKOUT, open_layout
from awe_incidents.local.ports import take_port
from awe_incidents.local.program import Program
from awe_incidents.local.programs import Deployment, plan_deployment
from awe_incidents.local.roles import DATABASE
from bench.harness.errors import MeasuringFailed

MIGRATE_SECONDS = 120
# So high that nobody meets them, and there all the same: what they cost is part of what is measured.
LIMITS = dict.fromkeys(("AWE_LIMIT_READING", "AWE_LIMIT_FILING"), "999999/1")
PLAIN_SETTINGS = "awe_incidents.settings"


@dataclass(slots=True)
class Site:
    """The running service; `settings` is the Django settings module that all its programs use."""

    folder: Path
    deployment: Deployment
    settings: str
    running: dict[str, Alone] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """Where the web server listens, on loopback."""
        return self.deployment.web_port

    def start(self, name: str, *, argv: tuple[str, ...] | None = None, **variables: str) -> Alone:
        """Start one of the programs of `make up`, with other arguments where they are given, and wait until ready."""
        program = next(one for one in self.deployment.programs() if one.name == name)
        own = {**program.env, "DJANGO_SETTINGS_MODULE": self.settings, **LIMITS, **variables}  # the signer's is another
        program = dataclasses.replace(program, argv=argv or program.argv, env=own)
        return self.run(program)

    def run(self, program: Program) -> Alone:
        """Start any program; it ends with the site, or with this process."""
        alone = Alone(program, log=self.folder / f"{program.name}.log").start()
        self.running[program.name] = alone
        return alone

    def stop(self, name: str) -> None:
        """Stop a program."""
        self.running.pop(name).stop()

    def environment(self, **variables: str) -> dict[str, str]:
        """Give the environment of our programs here."""
        return {**self.deployment.environment(), "DJANGO_SETTINGS_MODULE": self.settings, **LIMITS, **variables}

    def manage(self, *arguments: str, seconds: float = MIGRATE_SECONDS, **variables: str) -> str:
        """Run a management command and give what it printed, within so many seconds.

        Raises: MeasuringFailed.
        """
        python = next(one for one in self.deployment.programs() if one.name == "migrate").argv[0]
        done = subprocess.run(
            (python, "manage.py", *arguments),
            cwd=CHECKOUT,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise MeasuringFailed(f"manage.py {arguments[0]} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def tokens(self) -> dict[str, str]:
        """Make a reporter and an operator, and give their tokens by name."""
        tokens: dict[str, str] = json.loads(self.manage("demo_access"))["tokens"]
        return tokens

    def superuser(self) -> psycopg.Connection:
        """Open a connection that sees everything."""
        assert self.deployment.cluster is not None
        return self.deployment.cluster.connect(DATABASE)


@contextmanager
def running_site(
    *, settings: str = PLAIN_SETTINGS, postgres_settings: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Give a site whose PostgreSQL and Valkey run and whose tables are made; no program of ours runs yet."""
    folder = Path(tempfile.mkdtemp(prefix="awe-bench-"))
    folder.chmod(0o711)  # as root the servers run as another user
    layout = open_layout(folder)
    take_port(layout.ports, "web")  # not the usual one: granian would share it with whoever else likes it
    deployment = plan_deployment(layout, environ={})
    if postgres_settings and deployment.cluster:
        cluster = dataclasses.replace(deployment.cluster, settings=postgres_settings)
        deployment = dataclasses.replace(deployment, cluster=cluster)
    site = Site(folder, deployment, settings)
    try:
        for server in deployment.services():
            site.run(server)
        deployment.prepare_database()
        migrator = deployment.variables["MIGRATOR_DATABASE_URL"]
        site.manage("migrate", "--no-input", DATABASE_URL=migrator)
        yield site
    finally:
        for name in reversed(list(site.running)):
            site.stop(name)
        if deployment.layout.servers.exists():
            shutil.rmtree(deployment.layout.servers, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

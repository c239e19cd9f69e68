"""One stack of processes in its project directory: lay it out, start it, command it, stop it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from awe_incidents.local.binaries import find_postgres, postgres_major
from awe_incidents.local.control import Status, control
from awe_incidents.local.errors import NotRunning
from awe_incidents.local.layout import open_layout
from awe_incidents.local.lock import lock_holder
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.program import Program
from awe_incidents.local.secret_file import write_private
from awe_incidents.local.spawn import spawn
from awe_incidents.local.supervisor import Supervisor
from awe_incidents.local.valkey import ValkeyServer
from deploy.awe.certificates import Infrastructure
from deploy.awe.issuing import SERVER_NAMES
from deploy.awe.process import description, environments, health
from deploy.awe.process.client import PROBE, ApiClient
from deploy.awe.process.errors import NotHealthy, PoolerMissing
from deploy.awe.process.layout import CHECKOUT, Layout, write_environment
from deploy.awe.process.pooler import Pooler, find_pgbouncer
from deploy.awe.process.programs import Servers, programs
from deploy.awe.process.settings import PREPARE, StackSettings

POLL_SECONDS = 0.1
UP_SECONDS = 60.0
DOWN_SECONDS = 60.0
DATABASE_SETTINGS = {
    "log_line_prefix": "%m [%p] %q%u@%d %a %h ",
    "log_min_duration_statement": "1000",
    "log_lock_waits": "on",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "jit": "off",
}
RESERVED_CONNECTIONS = {"reserved_connections": "2"}  # for the monitor; came with PostgreSQL 16
STATEMENTS = "pg_stat_statements"
REDIS_SETTINGS = {"maxmemory": "32mb"}


class ProcessStack:
    """The stack in `root`; several live side by side in folders of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.layout = Layout(self.root)
        self._supervisor: subprocess.Popen[bytes] | None = None

    @cached_property
    def settings(self) -> StackSettings:
        """Names, host and ports.

        Raises: NotDeployed.
        """
        return StackSettings.load(self.layout.settings)

    @cached_property
    def servers(self) -> Path:
        """The folder of the servers' data: in the project directory, unless their user cannot enter it."""
        return open_layout(self.root).servers

    @cached_property
    def cluster(self) -> PostgresCluster:
        """Its own PostgreSQL cluster."""
        home = self.servers / "database"
        settings = {**DATABASE_SETTINGS, "external_pid_file": str(home / "server.pid")}
        if postgres_major(find_postgres()) >= 16:
            settings |= RESERVED_CONNECTIONS
        if (find_postgres().parent / "lib" / f"{STATEMENTS}.so").is_file():
            settings["shared_preload_libraries"] = STATEMENTS
        return PostgresCluster.at(home, port=self.settings.chosen_ports.database, settings=settings)

    @cached_property
    def valkey(self) -> ValkeyServer:
        """Its own Redis-compatible server."""
        home = self.servers / "redis"
        settings = {**REDIS_SETTINGS, "pidfile": f'"{home / "server.pid"}"'}
        return ValkeyServer.at(home, port=self.settings.chosen_ports.redis, settings=settings)

    @cached_property
    def pooler(self) -> Pooler | None:
        """PgBouncer in front of the database, where the machine had it when the stack was laid out.

        Raises: PoolerMissing.
        """
        port, binary = self.settings.chosen_ports.pooler, find_pgbouncer()
        if port is None:
            return None
        if binary is None:
            raise PoolerMissing(f"{self.root} was laid out with PgBouncer, which is gone: apt-get install pgbouncer")
        return environments.pooler_of(self.layout, self.servers / "pooler", port=port, binary=binary, to=self.cluster)

    def lay_out(self, settings: StackSettings | None = None, *, api_port: int | None = None) -> None:
        """Write what is missing of the project directory; a stack that was laid out keeps its settings and secrets.

        Raises: SettingsRefused, LocalError.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self.layout.make_folders()
        if not self.layout.settings.exists():
            has_pooler = find_pgbouncer() is not None
            wanted = settings or StackSettings()
            wanted.with_ports(self.root / "ports.json", api_port=api_port, has_pooler=has_pooler).save(
                self.layout.settings
            )
        self._make_certificates()
        self.cluster.prepare()
        self.valkey.prepare()
        self._write_environments()
        pid_files = {name: home / "server.pid" for name, home in self._homes().items()}
        written = description.render(self.layout, self.settings, pid_files=pid_files, programs=self.cluster.binaries)
        self.layout.description.write_text(written)

    def supervise(self) -> int:
        """Run the stack in the foreground until a signal or `down`; give the exit code."""
        servers = Servers(cluster=self.cluster, valkey=self.valkey, pooler=self.pooler)
        return Supervisor(programs(self.layout, self.settings.services, servers), state_dir=self.root).run()

    def up(self, *, detached: bool = True, timeout_seconds: float = UP_SECONDS) -> None:
        """Start the stack in the background and wait until it is healthy; not detached, it ends with the caller.

        Raises: NotHealthy, naming what is wrong.
        """
        if lock_holder(self.root) is None:
            self._wait_for_supervisor()  # of an earlier start that was killed
            self._start(detached=detached)
        self.wait_until_healthy(timeout_seconds=timeout_seconds)

    def down(self) -> None:
        """Stop everything in order; nothing happens when nothing runs."""
        try:
            control(self.root, "shutdown")
        except NotRunning:
            return
        finally:
            self._wait_for_supervisor()

    def remove(self) -> None:
        """Stop everything and delete the project directory with all data."""
        self.down()
        for folder in (self.servers, self.root):
            shutil.rmtree(folder, ignore_errors=True)

    def status(self) -> Status:
        """Give state, pid, restarts and problem of every program.

        Raises: NotRunning.
        """
        return control(self.root, "status")

    def start(self, service: str, *, timeout_seconds: float = 60.0) -> None:
        """Start a program and wait until it is ready.

        Raises: ControlRefused, NotRunning.
        """
        control(self.root, "start", service, timeout_seconds=timeout_seconds)

    def stop(self, service: str) -> None:
        """Stop a program and wait until it is.

        Raises: ControlRefused, NotRunning.
        """
        control(self.root, "stop", service)

    def restart(self, service: str) -> None:
        """Stop a program, start it and wait until it is ready.

        Raises: ControlRefused, NotRunning.
        """
        control(self.root, "restart", service)

    def client(self, *, with_certificate: bool = True) -> ApiClient:
        """Give a client of the api."""
        return ApiClient(
            host=self.settings.host,
            port=self.settings.chosen_ports.api,
            ca=self.layout.certificate("ca"),
            certificate=self.layout.certificate("client") if with_certificate else None,
            key=self.layout.key("client") if with_certificate else None,
        )

    def token(self) -> str:
        """Log in with the low-privilege account.

        Raises: ApiUnreachable.
        """
        return self.client().token(username=PROBE, password=self.layout.secret("probe_password"))

    def redis(self) -> redis.Redis:
        """Give a connection to the queue."""
        return redis.Redis.from_url(self.valkey.url(), decode_responses=True, socket_timeout=5)

    def superuser(self) -> psycopg.Connection:
        """Open a connection as the database's superuser."""
        return self.cluster.connect(environments.DATABASE)

    def direct_url(self) -> str:
        """Give the database's address for the application's role; it holds the password."""
        password = self.layout.secret("database_password")
        return self.cluster.url(role=environments.ROLE, password=password, database=environments.DATABASE)

    def application_url(self) -> str:
        """Give the address that the application uses: through the pooler where there is one."""
        if self.pooler is None:
            return self.direct_url()
        return self.pooler.url(role=environments.ROLE, database=environments.DATABASE)

    def problems(self) -> list[str]:
        """List what keeps the stack from being healthy."""
        return health.problems(self)

    def is_healthy(self) -> bool:
        """Tell whether everything works; strict."""
        return not self.problems()

    def start_what_gave_up(self) -> None:
        """Start the programs again that ended too often while something was broken; others go on as they are."""
        with contextlib.suppress(NotRunning):
            for name, facts in self.status().items():
                if facts["state"] == "failed":
                    control(self.root, "start", name)

    def wait_until_healthy(self, *, timeout_seconds: float = UP_SECONDS) -> None:
        """Wait until the stack is healthy.

        Raises: NotHealthy, naming what is wrong.
        """
        deadline = time.monotonic() + timeout_seconds
        while found := self.problems():
            if time.monotonic() > deadline or self._has_given_up():
                raise NotHealthy(f"{self.root} is not healthy: {'; '.join(found)}. Logs: {self.root / 'logs'}")
            time.sleep(POLL_SECONDS)

    def _has_given_up(self) -> bool:
        """Whether nothing is left to wait for: the supervisor ended, or a program failed for good."""
        if self._supervisor is not None and self._supervisor.poll() is not None:
            return True
        try:
            return any(facts["state"] == "failed" for facts in self.status().values())
        except NotRunning:
            return False

    def _homes(self) -> dict[str, Path]:
        homes = {"database": self.cluster.home, "redis": self.valkey.home}
        return homes | ({"pooler": self.pooler.home} if self.pooler else {})

    def _make_certificates(self) -> None:
        names = [*SERVER_NAMES, self.settings.host, self.settings.address]
        Infrastructure(root=self.root, server_names=list(dict.fromkeys(names))).set_up()

    def _write_environments(self) -> None:
        layout, settings = self.layout, self.settings
        write_private(layout.secret_file("redis_password"), str(urlsplit(self.valkey.url()).password) + "\n")
        shared = environments.shared_by_all(layout, self.application_url(), self.valkey)
        files = {
            settings.services.api: environments.of_api(layout, settings, shared=shared),
            settings.services.worker: environments.of_worker(layout, settings, shared=shared),
            PREPARE: environments.of_preparation(layout, self.cluster, self.direct_url(), shared=shared),
        }
        for program, variables in files.items():
            if (
                program == PREPARE or not layout.environment(program).exists()
            ):  # those of services may be changed by hand
                write_environment(layout.environment(program), variables)

    def _start(self, *, detached: bool) -> None:
        argv = (sys.executable, "-m", "deploy.awe", "up", "--foreground", "--root", str(self.root))
        with self.layout.supervisor_log.open("ab") as log:
            if detached:
                self._supervisor = subprocess.Popen(
                    argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            else:
                program = Program(name="awe", argv=argv, env=dict(os.environ), cwd=CHECKOUT)
                self._supervisor = spawn(program, output=log, mark=uuid.uuid4().hex)

    def _wait_for_supervisor(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wait(DOWN_SECONDS)
            self._supervisor = None
        deadline = time.monotonic() + DOWN_SECONDS
        while lock_holder(self.root) is not None:
            if time.monotonic() > deadline:
                raise NotHealthy(f"the supervisor of {self.root} did not stop within {DOWN_SECONDS:g} s")
            time.sleep(POLL_SECONDS)

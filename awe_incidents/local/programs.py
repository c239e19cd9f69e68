"""Our own programs and the two servers under them: what runs, in which order, and with which environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from awe_incidents.local.layout import CHECKOUT, Layout
from awe_incidents.local.ports import read_ports, take_port
from awe_incidents.local.postgres import DISCREET, PostgresCluster
from awe_incidents.local.program import Program
from awe_incidents.local.roles import DATABASE, LOGINS, URL_NAMES, create_database, create_roles, database_urls
from awe_incidents.local.secret_file import read_secrets
from awe_incidents.local.valkey import ValkeyServer

WEB_PORT = 8400
WORKER_THREADS = 12
RECOVERY_THREADS = 4
WORKER_QUEUES, RECOVERY_QUEUES = "diagnostics,housekeeping", "recovery"
QUIET = ("--without-mingle", "--without-gossip")  # workers need nothing of each other; saves a second at start
SECRETS = (*LOGINS, "django_secret_key", "django_secret_key_more", "encryption_key")
# One of them, and checkpoints are brought outside; audit/anchor_settings.py reads them.
ANCHORS = (
    "AWE_TRAIL_WITNESSES",
    "AWE_TRAIL_TSA",
    "AWE_TRAIL_PUSH_FOLDER",
    "AWE_TRAIL_PUSH_GIT",
    "AWE_TRAIL_PUSH_S3",
    "AWE_TRAIL_PUSH_MAIL",
)
SECURITY_LOG = "AWE_SECURITY_LOG"  # a path, and the trail is written there, too
# For one role each: whoever runs the web server has no use for the migrator's password.
OTHERS_URLS = tuple(name for name in URL_NAMES if name != "DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The local deployment: its servers (None where the environment names another one) and its variables."""

    layout: Layout
    cluster: PostgresCluster | None
    valkey: ValkeyServer | None
    web_port: int
    variables: Mapping[str, str] = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Where the web server answers."""
        return f"http://127.0.0.1:{self.web_port}/"

    def prepare_database(self) -> None:
        """Create roles and database in the embedded PostgreSQL; a PostgreSQL of somebody else is left alone."""
        if self.cluster is not None:
            create_roles(self.cluster, self.passwords)
            create_database(self.cluster, DATABASE)

    def services(self) -> list[Program]:
        """Give the embedded servers that are in use."""
        return [server.program() for server in (self.cluster, self.valkey) if server is not None]

    def programs(self) -> list[Program]:
        """Give everything, servers first; the reverse is the order in which they stop."""
        return [*self.services(), self._migrate(), *self._background(), *self._trail(), self._web()]

    def environment(self) -> dict[str, str]:
        """Give the environment of web, worker, sweeper, scheduler and sequencer."""
        inherited = {name: value for name, value in os.environ.items() if name not in OTHERS_URLS}
        own = {name: value for name, value in self.variables.items() if name not in OTHERS_URLS}
        return {**inherited, **own, "PYTHONUNBUFFERED": "1"}

    def _migrate(self) -> Program:
        migrator = self.variables.get("MIGRATOR_DATABASE_URL", self.variables["DATABASE_URL"])
        return Program(
            name="migrate",
            argv=(sys.executable, "manage.py", "migrate", "--no-input"),
            env={**self.environment(), "DATABASE_URL": migrator},
            cwd=CHECKOUT,
            prepare=self.prepare_database,
            ready_seconds=300.0,
            one_shot=True,
        )

    def _background(self) -> list[Program]:
        celery = (sys.executable, "-m", "celery", "-A", "awe_incidents.celery")
        threads = (*celery, "worker", "-P", "threads", "-l", "INFO", *QUIET)
        worker = (*threads, "-c", str(WORKER_THREADS), "-Q", WORKER_QUEUES)
        # Apart from the checks: a stack that hangs them must not keep its own repair waiting.
        recovery = (*threads, "-c", str(RECOVERY_THREADS), "-Q", RECOVERY_QUEUES, "-n", "recovery@%h")
        scheduler = (*celery, "beat", "-l", "INFO", "-s", str(self.layout.folder / "celerybeat-schedule"))
        return [
            self._own("worker", worker, grace_seconds=30.0),
            self._own("recovery", recovery, grace_seconds=30.0),
            self._own("sweeper", (sys.executable, "manage.py", "sweep")),
            self._own("scheduler", scheduler),
        ]

    def _trail(self) -> list[Program]:
        """Give the trail's programs; who has brought a database without a role for the signer has no signer."""
        module = (sys.executable, "-m", "awe_incidents.audit")
        programs = [self._own("sequencer", (*module, "sequence"), essential=False)]
        if os.environ.get(SECURITY_LOG) or os.environ.get(f"{SECURITY_LOG}_FILE"):
            programs.append(self._own("security-log", (*module, "follow"), essential=False))
        signer = self.variables.get("SIGNER_DATABASE_URL")
        if signer:
            inherited = {name: value for name, value in os.environ.items() if name not in {*URL_NAMES, *self.variables}}
            own = {name: self.variables[name] for name in ("AWE_ENV", "AWE_TRAIL_DIR")}
            words = {"signer": "sign"}
            if any(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in ANCHORS):
                words["anchoring"] = "anchor"
            theirs = [self._own(name, (*module, word), essential=False) for name, word in words.items()]
            programs += [replace(one, env={**inherited, **own, "DATABASE_URL": signer}) for one in theirs]
        return programs

    def _web(self) -> Program:
        listen = ("--interface", "rsgi", "--host", "127.0.0.1", "--port", str(self.web_port), "--no-ws")
        limits = ("--workers", "1", "--workers-kill-timeout", "10")
        argv = (sys.executable, "-m", "granian", *listen, *limits, "awe_incidents.rsgi:application")
        return self._own("web", argv, asks_health=True, grace_seconds=15.0)

    def _own(
        self,
        name: str,
        argv: tuple[str, ...],
        *,
        grace_seconds: float = 10.0,
        asks_health: bool = False,
        essential: bool = True,
    ) -> Program:
        return Program(
            name=name,
            argv=argv,
            env=self.environment(),
            cwd=CHECKOUT,
            after=("postgres", "valkey", "migrate"),
            is_ready=self._web_is_live if asks_health else None,
            ready_seconds=60.0,
            grace_seconds=grace_seconds,
            essential=essential,
        )

    def _web_is_live(self) -> bool:
        try:
            with DIRECT.open(f"{self.url}livez", timeout=1) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


DIRECT = build_opener(ProxyHandler({}))  # a proxy of the environment has no business on loopback


def plan_deployment(layout: Layout, *, environ: Mapping[str, str] = os.environ, moves: bool = True) -> Deployment:
    """Decide on ports, secrets and servers; with `moves` False the remembered ports are given, busy or not.

    DATABASE_URL or REDIS_URL in the environment replaces the embedded server, unless the address is the embedded one's.
    Raises: LocalError.
    """
    secrets = read_secrets(layout.secrets, SECRETS)
    passwords = {role: secrets[role] for role in LOGINS}
    variables = {
        "AWE_ENV": "development",
        "AWE_LOCAL_DIR": str(layout.folder),
        "AWE_TRAIL_DIR": environ.get("AWE_TRAIL_DIR") or str(layout.folder / "trail"),
        "DJANGO_DEBUG": "off",
        "DJANGO_SECRET_KEY": secrets["django_secret_key"] + secrets["django_secret_key_more"],
        "AWE_ENCRYPTION_KEYS": secrets["encryption_key"] + "=",  # a Fernet key: 32 bytes in padded base64
    }
    cluster, valkey = _embedded(layout, environ, passwords=passwords, moves=moves)
    variables |= database_urls(cluster, passwords) if cluster else _given(environ, URL_NAMES)
    variables["REDIS_URL"] = valkey.url() if valkey else environ["REDIS_URL"]
    web_port = _port(layout, "web", moves=moves, demanded=_number(environ.get("AWE_PORT")), preferred=WEB_PORT)
    variables["AWE_PORT"] = str(web_port)
    return Deployment(
        layout=layout, cluster=cluster, valkey=valkey, web_port=web_port, variables=variables, passwords=passwords
    )


def _embedded(
    layout: Layout, environ: Mapping[str, str], *, passwords: Mapping[str, str], moves: bool
) -> tuple[PostgresCluster | None, ValkeyServer | None]:
    known = read_ports(layout.ports)
    cluster = valkey = None
    if not environ.get("DATABASE_URL") or _is_own(environ["DATABASE_URL"], known.get("postgres"), passwords):
        port = _port(layout, "postgres", moves=moves)
        cluster = PostgresCluster.at(layout.servers / "postgres", port=port, settings=DISCREET)
    if not environ.get("REDIS_URL") or f"@127.0.0.1:{known.get('valkey')}/" in environ["REDIS_URL"]:
        valkey = ValkeyServer.at(layout.servers / "valkey", port=_port(layout, "valkey", moves=moves))
        valkey.prepare()  # its password is part of REDIS_URL
    return cluster, valkey


def _is_own(url: str, port: int | None, passwords: Mapping[str, str]) -> bool:
    """Whether somebody exported what `env` printed: that must not keep the embedded server from starting."""
    return f"@127.0.0.1:{port}/" in url and any(password in url for password in passwords.values())


def _port(layout: Layout, name: str, *, moves: bool, demanded: int | None = None, preferred: int | None = None) -> int:
    known = read_ports(layout.ports).get(name)
    if known is not None and not moves:
        return known
    return take_port(layout.ports, name, demanded=demanded, preferred=preferred, keeps=True)


def _given(environ: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in names if environ.get(name)}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None

"""A stack in typed form, as checks read it; made from a validated document only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from diagnostics.stack.agents import Agents, ModelProvider, Tool
from diagnostics.stack.authentication import Accounts, Login, OAuth, SecurityLog, Tokens
from diagnostics.stack.secrets import SecretReference


class Way(Protocol):
    """A way to an address from another place than ours."""

    @property
    def failure(self) -> str:
        """Say why the last connection did not come about, empty where it did; raises CouldNotLook: nobody could try."""

    def address(self) -> tuple[str, int]:
        """Give the local host and port that lead there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to call in an emergency."""

    name: str
    contact: str  # mailto:, tel: or https: URI
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The container engine of a stack whose vantage is `container`."""

    url: str
    project: str
    compose_files: tuple[str, ...] = ()
    tls_ca: str | None = None  # of a tcp:// engine; relative paths start at the stack's root
    tls_certificate: str | None = None
    tls_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: what it is, where its traces lie (process vantage) and what it must own."""

    name: str
    role: str  # api, worker, proxy, database, pooler, queue, other
    pid_file: Path | None = None
    log_files: tuple[Path, ...] = ()
    listens: tuple[tuple[str, int], ...] = ()  # (host, port) that this service and nobody else must own
    depends_on: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()  # configuration and secrets that it must be able to read
    required_environment: tuple[str, ...] = ()  # names that its process must have been started with
    supervised: bool = False  # a process that is started again by itself when it has ended
    default_values: tuple[str, ...] = ()  # sha256:HEX of values that it is shipped with and that must be changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine of a stack of processes: folders that the stack writes to."""

    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificate files of one endpoint, on the machine where the check runs."""

    name: str
    ca: Path
    server_certificate: Path | None = None
    server_key: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    client_ca: Path | None = None  # what the server trusts for clients; `ca` where not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An HTTP(S) door of the stack."""

    name: str
    service: str
    url: str  # scheme://host:port, no path
    health_path: str = "/health"
    names: tuple[str, ...] = ()  # every name and address that clients use
    tls: str | None = None  # key of `tls`; None for plain HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A role to watch a database server with, which has pg_monitor and, best, a connection reserved for it."""

    user: str
    password: SecretReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """Alembic's revision files as deployed, and the table in which the database notes where it stands."""

    directories: tuple[Path, ...]
    version_table: str = "alembic_version"  # with its schema where that is not on the search path


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Where the database's backups are written, on the machine where the check runs."""

    directory: Path
    pattern: str = "*"  # of file names, as a shell's
    every_hours: float = 24.0
    format: str = "pg_dump"  # or "opaque": judged by age and size only


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """PgBouncer in front of a database, and a login to its console (one of its stats_users or admin_users)."""

    service: str
    host: str
    port: int
    dbname: str | None = None  # the pooler's name for the database; the database's own where not given
    sslmode: str = "prefer"
    admin_user: str | None = None
    admin_password: SecretReference | None = None
    way: Way | None = field(default=None, repr=False, compare=False)  # where it is reached through a container


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL database with the credentials that the application uses."""

    name: str
    service: str
    host: str
    port: int
    dbname: str
    user: str
    password: SecretReference | None = None
    sslmode: str = "prefer"
    programs: Path | None = None  # the folder of pg_dump and the like, where actions run them on a stack of processes
    way: Way | None = field(default=None, repr=False, compare=False)  # where it is reached through a container
    monitor: Monitor | None = None
    migrations: Migrations | None = None
    backups: Backups | None = None
    pooler: Pooler | None = None

    @property
    def as_watched(self) -> Database:
        """The same database by the monitor's login, or by the application's where no monitor is described."""
        if self.monitor is None:
            return self
        return replace(self, user=self.monitor.user, password=self.monitor.password)

    def by_way_of(self, pooler: Pooler) -> Database:
        """Give the same database as the application reaches it through its pooler."""
        return replace(
            self,
            service=pooler.service,
            host=pooler.host,
            port=pooler.port,
            dbname=pooler.dbname or self.dbname,
            sslmode=pooler.sslmode,
            way=pooler.way,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """The environment variable in which a service has the broker's URL."""

    service: str
    environment_variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The job queue between api and workers."""

    service: str
    adapter: str  # "redis-list" or "celery"
    host: str
    port: int
    database: int = 0
    user: str | None = None
    password: SecretReference | None = None
    worker_service: str | None = None
    pending: tuple[str, ...] = ()
    processing: str | None = None
    dead: str | None = None
    heartbeat_file: Path | None = None
    timestamp_field: str = "queued_at"  # in the job's JSON, seconds since the epoch
    way: Way | None = field(default=None, repr=False, compare=False)  # where it is reached through a container
    urls: tuple[BrokerUrl, ...] = ()  # the broker as the services themselves have it
    expected_tasks: tuple[str, ...] = ()  # names of tasks or tools that a worker must know


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """How names are resolved, where that is not as this machine does it, and to what."""

    resolvers: tuple[str, ...] = ()  # address, address:port or [address]:port; of resolv.conf where not given
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # addresses by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """How much of the logs a run takes."""

    window_minutes: int = 15
    max_bytes_per_service: int = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTracker:
    """Where the stack's developers keep their issues."""

    github: str  # owner/name, or the address of a repository on GitHub Enterprise

    @property
    def address(self) -> str:
        """Give the repository's address."""
        is_whole = self.github.startswith("https://")
        return (self.github if is_whole else f"https://github.com/{self.github}").rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long bug reports, results and evidence are kept; incidents, histories and the trail are kept anyway."""

    days: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often the stack is looked at by the clock, and what comes of it."""

    every_minutes: int
    suite: str = "health"
    open_incidents: bool = True  # when the stack turns unhealthy
    keep_days: int = 14  # what these runs saw; what an incident has of them is kept as the retention says


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """One deployment under care."""

    name: str
    environment: str  # Development, Staging or Production
    vantage: str  # "process" or "container"
    root: Path  # relative paths start here
    description: str = ""
    emergency_contacts: tuple[Contact, ...] = ()
    engine: Engine | None = None
    host: Host | None = None
    services: Mapping[str, Service] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    tls: Mapping[str, TlsFiles] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    login: Login | None = None
    accounts: Accounts | None = None
    tokens: Tokens | None = None
    oauth: OAuth | None = None
    security_log: SecurityLog | None = None
    queue: Queue | None = None
    agents: Agents | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    model_providers: Mapping[str, ModelProvider] = field(default_factory=dict)
    dns: Dns = field(default_factory=Dns)
    logs: Logs = field(default_factory=Logs)
    retention: Retention = field(default_factory=Retention)
    schedule: Schedule | None = None
    issue_tracker: IssueTracker | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by check slug, then by name
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as validated, references only

    def secret_references(self) -> Iterator[SecretReference]:
        """Give every secret reference of the stack, for removal by value from what is captured."""
        if self.login:
            yield self.login.password
        for database in self.databases.values():
            console = database.pooler.admin_password if database.pooler else None
            passwords = (database.password, database.as_watched.password, console)
            yield from dict.fromkeys(password for password in passwords if password)
        if self.queue and self.queue.password:
            yield self.queue.password
        for key in self.tokens.keys if self.tokens else ():
            if key.value:
                yield key.value
        yield from dict.fromkeys(one.key for one in self.model_providers.values() if one.key)

"""PgBouncer in front of a database, where the machine has it: Debian's package, as no wheel brings one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from awe_incidents.local.accounts import Account, give_to, own_folder, own_reachable_folder, server_account
from awe_incidents.local.program import Program
from awe_incidents.local.secret_file import write_private

PROGRAM = "pgbouncer"
PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
CONSOLE = "pgbouncer"  # the database that answers SHOW
SETTINGS = {
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "auth_type": "scram-sha-256",
    "pool_mode": "transaction",
    "default_pool_size": "8",
    "max_client_conn": "100",
    "query_wait_timeout": "3",
    "server_login_retry": "1",
    "server_connect_timeout": "3",
    "ignore_startup_parameters": "extra_float_digits",
    "log_connections": "0",
    "log_disconnections": "0",
    "log_stats": "0",
}


def find_pgbouncer() -> Path | None:
    """Give the program of this machine, or None."""
    found = shutil.which(PROGRAM, path=PLACES)
    return Path(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """One PgBouncer below `home`; `databases` are connection strings by name, `users` passwords by role."""

    home: Path
    port: int
    binary: Path
    account: Account | None
    databases: Mapping[str, str]
    users: Mapping[str, str] = field(repr=False)
    watcher: str  # the role that may ask for figures; one of the users
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls,
        home: Path,
        *,
        port: int,
        binary: Path,
        databases: Mapping[str, str],
        users: Mapping[str, str],
        watcher: str,
        settings: Mapping[str, str] | None = None,
    ) -> Pooler:
        """Give the pooler in this folder, as the user whom servers run as; nothing is started.

        Raises: AccountUnknown, FolderRefused.
        """
        account = server_account()
        own_reachable_folder(home, account)
        return cls(
            home=home,
            port=port,
            binary=binary,
            account=account,
            databases=databases,
            users=users,
            watcher=watcher,
            settings=settings or {},
        )

    @property
    def pid_file(self) -> Path:
        """Where it writes its process id."""
        return self.home / "server.pid"

    def url(self, *, role: str, database: str) -> str:
        """Give an address through the pooler; it holds the password."""
        password = quote(self.users[role], safe="")
        return f"postgresql://{quote(role)}:{password}@127.0.0.1:{self.port}/{quote(database)}"

    def prepare(self) -> None:
        """Write configuration and users.

        Raises: FolderRefused.
        """
        own_folder(self.home, self.account)
        lines = [f'"{role}" "{password}"' for role, password in self.users.items()]
        self._write("userlist.txt", lines)
        settings = {
            **SETTINGS,
            "listen_port": str(self.port),
            "auth_file": str(self.home / "userlist.txt"),
            "pidfile": str(self.pid_file),
            "stats_users": self.watcher,
            **self.settings,
        }
        databases = (f"{name} = {address}" for name, address in self.databases.items())
        options = (f"{name} = {value}" for name, value in settings.items())
        self._write("pgbouncer.ini", ["[databases]", *databases, "", "[pgbouncer]", *options])
        self.pid_file.unlink(missing_ok=True)  # of one that was killed; PgBouncer would not start beside it

    def program(self, name: str = PROGRAM) -> Program:
        """Give it as a program for a supervisor."""
        return Program(
            name=name,
            argv=(str(self.binary), str(self.home / "pgbouncer.ini")),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.home,
            account=self.account,
            prepare=self.prepare,
            is_ready=self.is_ready,
            grace_seconds=10.0,
        )

    def is_ready(self) -> bool:
        """Tell whether it answers on its console."""
        try:
            with self.console():
                return True
        except psycopg.OperationalError:
            return False

    def console(self, *, role: str = "") -> psycopg.Connection:
        """Open its console, which knows SHOW and, for those who administer it, PAUSE and the like."""
        address = self.url(role=role or self.watcher, database=CONSOLE)
        return psycopg.connect(address, autocommit=True, connect_timeout=2, prepare_threshold=None)

    def _write(self, name: str, lines: list[str]) -> None:
        path = self.home / name
        write_private(path, "\n".join(lines) + "\n")
        give_to(path, self.account)

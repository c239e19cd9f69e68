"""A PostgreSQL cluster of our own: initdb when needed, loopback and scram only, supervised in the foreground."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from awe_incidents.local.accounts import Account, as_account, give_to, own_folder, own_reachable_folder, server_account
from awe_incidents.local.alone import Alone
from awe_incidents.local.binaries import find_postgres, postgres_major, reachable_postgres
from awe_incidents.local.errors import ServerFailed
from awe_incidents.local.program import Program

SUPERUSER = "postgres"
SOCKET_PATH_BYTES = 107  # sun_path of Linux without its closing zero
LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # not TMPDIR, which may be long; the folder made in it is private
INITDB_SECONDS = 120
READY_LINE = 7  # LOCK_FILE_LINE_PM_STATUS of utils/pidfile.h, counted from 0
ACCESS_RULES = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
# For a database of ours: what a statement was refused for goes to the program that sent it, which redacts its log; the
# server's own log would quote values and statements.
DISCREET = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresCluster:
    """One cluster below `home`: data/, the superuser's password (0600) and, where its path is short enough, the socket.

    As root the server runs as `account` and owns `home`. `settings` are server parameters and must not be secret.
    """

    home: Path
    port: int
    binaries: Path
    account: Account | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, home: Path, *, port: int, settings: Mapping[str, str] | None = None) -> PostgresCluster:
        """Give the cluster in this folder with the binaries and the user of this machine; nothing is started.

        Raises: BinariesMissing, AccountUnknown, FolderRefused.
        """
        account = server_account()
        own_reachable_folder(home, account)
        binaries = reachable_postgres(find_postgres(), copies=home.parent / "binaries", account=account)
        return cls(home=home, port=port, binaries=binaries, account=account, settings=settings or {})

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        """The private folder of the unix socket: below `home`, or a short one when that path is too long."""
        inside = self.home / "run"
        if len(os.fsencode(inside)) + len(LONGEST_SOCKET_NAME) <= SOCKET_PATH_BYTES:
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return SHORT_FOLDER / f"awe-socket-{digest}"

    def url(self, *, role: str, password: str, database: str) -> str:
        """Give the address for DATABASE_URL; it holds the password."""
        return f"postgresql://{quote(role)}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(database)}"

    def superuser_url(self, database: str = "postgres") -> str:
        """Give the superuser's address; only for set-up and for tests that act as an attacker."""
        return self.url(role=SUPERUSER, password=self._superuser_password(), database=database)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection as superuser, each statement its own transaction."""
        return psycopg.connect(self.superuser_url(database), autocommit=True, connect_timeout=5)

    def ensure_database(self, name: str, *, owner: str) -> None:
        """Create the database with this owner unless it exists."""
        with self.connect() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))

    def prepare(self) -> None:
        """Make the folders, and the data directory when there is none yet.

        Raises: FolderRefused, ServerFailed.
        """
        own_folder(self.home, self.account)
        own_folder(self.socket_folder, self.account)
        if not (self.data / "PG_VERSION").is_file():
            self._initialize()

    def program(self, name: str = "postgres") -> Program:
        """Give the server as a program for a supervisor."""
        settings = {**SETTINGS, "unix_socket_directories": f'"{self.socket_folder}"', **self.settings}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name=name,
            argv=(str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), *options),
            env=self._environment(),
            cwd=self.home,
            account=self.account,
            prepare=self.prepare,
            cleanup=self.remove_outside_folder,
            is_clear=self.is_clear,
            is_ready=self.is_ready,
            ready_seconds=120.0,  # redo after a crash
            stop_signal=signal.SIGINT,  # fast: open transactions are rolled back
            grace_seconds=30.0,
        )

    def alone(self, *, log: Path | None = None) -> Alone:
        """Give the server for a caller that starts and stops it without a supervisor."""
        return Alone(self.program(), log=log or self.home.parent / "postgres.log")

    def remove(self) -> None:
        """Delete the cluster, data and all; it must not run."""
        self.remove_outside_folder()
        shutil.rmtree(self.home, ignore_errors=True)

    def remove_outside_folder(self) -> None:
        """Delete the socket's folder when it does not lie in `home`; the next start makes it again."""
        if self.home not in self.socket_folder.parents:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def is_ready(self) -> bool:
        """Tell whether the server takes connections; asks its pid file first, as pg_ctl does, to keep its log quiet."""
        try:
            if (self.data / "postmaster.pid").read_text().splitlines()[READY_LINE].strip() != "ready":
                return False
            with psycopg.connect(self.superuser_url(), connect_timeout=1):
                return True
        except (psycopg.OperationalError, FileNotFoundError, IndexError):
            return False

    def is_clear(self) -> bool:
        """Tell whether no process of an earlier server uses the data; end those that do, and drop a stale pid file.

        A killed postmaster's children end by themselves; until then their shared memory keeps a new one from starting.
        A pid file whose number now belongs to some other program would keep it from starting for ever.
        """
        left = _servers_on(self.data)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)
        if not left:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        return not left

    def _initialize(self) -> None:
        """Run initdb beside the final name, so that one cut short is never taken for a data directory."""
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._write_superuser_password()
        password_option = f"--pwfile={self._password_file}"
        locale: tuple[str, ...] = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        if postgres_major(self.binaries) < 17:
            locale = ("--locale=C.UTF-8",)  # the builtin provider came with 17
        command = [self.binaries / "initdb", "-D", unfinished, f"--username={SUPERUSER}", password_option]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", *locale, "--data-checksums", "--no-instructions"]
        self._run([str(part) for part in command])
        (unfinished / "pg_hba.conf").write_text(ACCESS_RULES)
        unfinished.rename(self.data)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=INITDB_SECONDS,
            check=False,
            **as_account(self.account),
        )
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
            raise ServerFailed(f"{Path(command[0]).name} ended with {done.returncode}: {lines[-1]}")

    @property
    def _password_file(self) -> Path:
        return self.home / "superuser.password"

    def _write_superuser_password(self) -> None:
        self._password_file.unlink(missing_ok=True)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
        give_to(self._password_file, self.account)

    def _superuser_password(self) -> str:
        return self._password_file.read_text().strip()

    def _environment(self) -> dict[str, str]:
        """The server inherits nothing of ours: a stray PGDATA or LD_LIBRARY_PATH must not change what runs."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.home)}


def _servers_on(data: Path) -> list[psutil.Process]:
    """Find the server processes that work in this data directory; each has it as its current folder."""
    return [
        process
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres" and _works_in(process, data)
    ]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder.resolve()
    except (psutil.Error, OSError):
        return False

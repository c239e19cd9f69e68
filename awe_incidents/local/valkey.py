"""A Valkey server (the Redis protocol) of our own: loopback, password, append-only file, nothing evicted."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from awe_incidents.local.accounts import Account, give_to, own_folder, own_reachable_folder, server_account
from awe_incidents.local.alone import Alone
from awe_incidents.local.binaries import find_valkey, reachable_valkey
from awe_incidents.local.program import Program

ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyServer:
    """One server below `home`: data/, password (0600) and the configuration file that carries it (0600)."""

    home: Path
    port: int
    binary: Path
    account: Account | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, home: Path, *, port: int, settings: Mapping[str, str] | None = None) -> ValkeyServer:
        """Give the server in this folder with the binary and the user of this machine; nothing is started.

        Raises: BinariesMissing, AccountUnknown, FolderRefused.
        """
        account = server_account()
        own_reachable_folder(home, account)
        binary = reachable_valkey(find_valkey(), copies=home.parent / "binaries", account=account)
        return cls(home=home, port=port, binary=binary, account=account, settings=settings or {})

    def url(self, database: int = 0) -> str:
        """Give the address for REDIS_URL; it holds the password. kombu knows redis://, not valkey://."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the folders, the password and the configuration file.

        Raises: FolderRefused.
        """
        own_folder(self.home, self.account)
        own_folder(self.home / "data", self.account)
        if not self._password_file.is_file():
            self._write(self._password_file, secrets.token_urlsafe(24))
        self._write(self.home / "valkey.conf", self._configuration())

    def program(self, name: str = "valkey") -> Program:
        """Give the server as a program for a supervisor."""
        return Program(
            name=name,
            argv=(str(self.binary), str(self.home / "valkey.conf")),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.home,
            account=self.account,
            prepare=self.prepare,
            is_ready=self.is_ready,
            ready_seconds=60.0,
            grace_seconds=15.0,
        )

    def alone(self, *, log: Path | None = None) -> Alone:
        """Give the server for a caller that starts and stops it without a supervisor."""
        return Alone(self.program(), log=log or self.home.parent / "valkey.log")

    def is_ready(self) -> bool:
        """Tell whether the server answers PING to our password; while it loads its data it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                return _read_lines(connection, count=2) == [b"+OK", b"+PONG"]
        except OSError:
            return False

    @property
    def _password_file(self) -> Path:
        return self.home / "password"

    def _password(self) -> str:
        return self._password_file.read_text().strip()

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "port": str(self.port),
            "requirepass": self._password(),
            "dir": _quoted(self.home / "data"),
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
            **self.settings,
        }
        return "".join(f"{key} {value}\n" for key, value in settings.items())

    def _write(self, path: Path, text: str) -> None:
        """Write beside and rename: a reader never sees half, and the mode is private from the first byte on."""
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        give_to(unfinished, self.account)
        unfinished.replace(path)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read_lines(connection: socket.socket, *, count: int) -> list[bytes]:
    received = b""
    while received.count(b"\r\n") < count:
        piece = connection.recv(4096)
        if not piece:
            break
        received += piece
    return received.split(b"\r\n")[:count]

"""What may differ from stack to stack: names, host and ports; kept in the project directory as JSON."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from awe_incidents.local.ports import take_port
from deploy.awe.process.errors import NotDeployed, SettingsRefused

PREPARE = "prepare"  # the one-shot program beside the services
USUAL_API_PORT = 8443
TRIES = 200
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNames:
    """What the services are called; the pooler is there only where the machine has PgBouncer."""

    api: str = "api"
    worker: str = "worker"
    database: str = "database"
    redis: str = "redis"
    pooler: str = "pooler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where they listen; the api on the stack's host, the others on 127.0.0.1."""

    api: int
    database: int
    redis: int
    pooler: int | None = None  # where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """One stack: without ports, 8443 is taken where it is free, and free ones for the rest."""

    name: str = "awe"
    environment: str = "Development"
    host: str = "localhost"  # as clients write it; must resolve to an IPv4 address of this machine
    services: ServiceNames = field(default_factory=ServiceNames)
    ports: Ports | None = None

    @property
    def address(self) -> str:
        """The IPv4 address of the host.

        Raises: SettingsRefused.
        """
        try:
            found = socket.getaddrinfo(self.host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            raise SettingsRefused(f"The host {self.host} has no IPv4 address here. Use localhost.") from None
        return str(found[0][4][0])

    @property
    def chosen_ports(self) -> Ports:
        """The ports of a stack that is laid out.

        Raises: SettingsRefused.
        """
        if self.ports is None:
            raise SettingsRefused("The ports are not chosen yet; lay the stack out first.")
        return self.ports

    def with_ports(self, remembered: Path, *, api_port: int | None = None, has_pooler: bool = False) -> StackSettings:
        """Choose the ports that are not chosen yet; `remembered` is a file of ports.

        Raises: SettingsRefused, PortTaken.
        """
        self._check_names()
        if self.ports is not None:
            return self
        api = api_port or first_free(self.address)
        database, redis = (take_port(remembered, name) for name in ("database", "redis"))
        pooler = take_port(remembered, "pooler") if has_pooler else None
        return replace(self, ports=Ports(api=api, database=database, redis=redis, pooler=pooler))

    def save(self, path: Path) -> None:
        """Write the settings, which hold no secret."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> StackSettings:
        """Read the settings of a stack that was laid out.

        Raises: NotDeployed.
        """
        try:
            found = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise NotDeployed(f"{path.parent} holds no stack. Make one: python -m deploy.awe up --root DIR") from None
        services, ports = ServiceNames(**found.pop("services")), Ports(**found.pop("ports"))
        return cls(**found, services=services, ports=ports)

    def _check_names(self) -> None:
        names = list(asdict(self.services).values())
        for name in (self.name, *names):
            if not NAME.fullmatch(name):
                raise SettingsRefused(f"{name!r} is no service name. Use small letters, digits and hyphens.")
        if len({*names, PREPARE}) != len(names) + 1:
            raise SettingsRefused(f"Every service needs a name of its own, and not {PREPARE!r}.")


def first_free(address: str) -> int:
    """Give 8443, or the first free port above it, on this address.

    Raises: SettingsRefused.
    """
    for port in range(USUAL_API_PORT, USUAL_API_PORT + TRIES):
        if is_free(address, port):
            return port
    raise SettingsRefused(f"No port from {USUAL_API_PORT} to {USUAL_API_PORT + TRIES} is free on {address}.")


def is_free(address: str, port: int) -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True

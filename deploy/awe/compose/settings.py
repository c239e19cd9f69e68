"""What may differ from deployment to deployment: project, names, port, compose file; kept as JSON beside the files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.awe.compose.errors import ComposeStackError, NotLaidOut

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
MUTUAL_TLS = "docker-compose-mtls.yml"
PLAIN_TLS = "docker-compose.yml"
USUAL_PORT = 8443


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the six services are called."""

    database: str = "database"
    pgbouncer: str = "pgbouncer"
    redis: str = "redis"
    api: str = "api"
    worker: str = "worker"
    caddy: str = "caddy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeSettings:
    """One deployment."""

    project: str = "awe"
    environment: str = "Development"
    port: int = USUAL_PORT  # on the host, of the proxy
    compose_file: str = MUTUAL_TLS
    names: Names = field(default_factory=Names)

    def check(self) -> None:
        """Refuse names that a compose file cannot have.

        Raises: ComposeStackError.
        """
        names = list(asdict(self.names).values())
        for name in (self.project, *names):
            if not NAME.fullmatch(name):
                raise ComposeStackError(f"{name!r} cannot be a name; use small letters, digits and hyphens")
        if len(set(names)) != len(names):
            raise ComposeStackError("the six services need six names")

    def save(self, path: Path) -> None:
        """Write the settings, which hold no secret."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> ComposeSettings:
        """Read the settings of a deployment.

        Raises: NotLaidOut.
        """
        try:
            found = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise NotLaidOut(f"{path.parent} holds no deployment. Make one: make lab") from None
        return cls(**{**found, "names": Names(**found["names"])})

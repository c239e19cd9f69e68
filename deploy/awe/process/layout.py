"""Where everything of a stack lies in its project directory, and its secrets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from awe_incidents.local.secret_file import write_private

CHECKOUT = Path(__file__).resolve().parents[3]
AWE = CHECKOUT / "deploy" / "awe"
APPLICATION = AWE / "app"

# What the troubleshooting guide calls from the project directory.
LINKS = {"scripts": "scripts", "debug_jwt.py": "scripts/debug_jwt.py", "curl-format.txt": "curl-format.txt"}
SECRETS = ("database_password", "monitor_password", "probe_password", "jwt_secret_key")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one project directory."""

    root: Path

    @property
    def settings(self) -> Path:
        """Names, host and ports."""
        return self.root / "settings.json"

    @property
    def description(self) -> Path:
        """The stack.toml that diagnostics reads."""
        return self.root / "stack.toml"

    @property
    def security_log(self) -> Path:
        """The security audit log of api and worker."""
        return self.root / "logs" / "security_audit.log"

    @property
    def backups(self) -> Path:
        """The folder of the database's backups."""
        return self.root / "backups"

    @property
    def supervisor_log(self) -> Path:
        """What the detached supervisor prints."""
        return self.root / "logs" / "supervisor.log"

    def certificate(self, name: str) -> Path:
        """The certificate `ca`, `server` or `client`."""
        return self.root / "certs" / name / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The private key beside a certificate."""
        return self.certificate(name).with_suffix(".key")

    def pid_file(self, service: str) -> Path:
        """The pid file of api or worker."""
        return self.root / "run" / f"{service}.pid"

    def heartbeat(self, service: str) -> Path:
        """The heartbeat file of the worker."""
        return self.root / "run" / f"{service}.heartbeat"

    def fault_notes(self, slug: str) -> Path:
        """What a fault keeps for its mending; the folder is there while the fault is."""
        return self.root / "run" / "faults" / slug

    def log(self, service: str) -> Path:
        """A service's standard output and error, as the supervisor writes it."""
        return self.root / "logs" / f"{service}.log"

    def environment(self, service: str) -> Path:
        """The environment file of a program; it holds secrets (0600)."""
        return self.root / "secrets" / f"{service}.env"

    def secret_file(self, name: str) -> Path:
        """The file of one secret (0600)."""
        return self.root / "secrets" / name

    def secret(self, name: str) -> str:
        """The value of one secret."""
        return self.secret_file(name).read_text().removesuffix("\n")

    def make_folders(self) -> None:
        """Make the folders, and the secrets that are not there yet."""
        for name in ("backups", "certs", "logs", "run/faults"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "secrets").mkdir(mode=0o700, exist_ok=True)
        for name in SECRETS:
            if not self.secret_file(name).exists():
                write_private(self.secret_file(name), secrets.token_urlsafe(36) + "\n")
        for name, target in LINKS.items():
            link(self.root / name, AWE / target)


def link(path: Path, target: Path) -> None:
    """Make the path a link to the target, also where it is one into a checkout that is gone by now."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """Write an environment file, a NAME=VALUE per line."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in variables.items()))


def read_environment(path: Path) -> dict[str, str]:
    """Read an environment file."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

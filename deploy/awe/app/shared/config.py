"""The application's configuration: environment variables, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from shared.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the programs are told; secrets stay out of repr."""

    database_url: str = field(repr=False)
    migration_database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    jwt_secret_key: str = field(repr=False)
    admin_password: str = field(repr=False)
    agent_password: str = field(repr=False)
    probe_password: str = field(repr=False)  # empty: no account `probe` is seeded
    token_seconds: int
    lockout_attempts: int
    security_log: Path
    heartbeat_file: Path
    pid_file: Path
    agent_name: str
    tool_base_url: str
    tool_ca: str
    tool_client_certificate: str
    tool_client_key: str


def read(environ: Mapping[str, str]) -> Config:
    """Read the configuration from an environment.

    Raises: ConfigurationError.
    """
    database_url = needed(environ, "DATABASE_URL")
    return Config(
        database_url=database_url,
        migration_database_url=environ.get("MIGRATION_DATABASE_URL") or database_url,
        redis_url=needed(environ, "REDIS_URL"),
        jwt_secret_key=needed(environ, "JWT_SECRET_KEY"),
        admin_password=environ.get("ADMIN_PASSWORD") or "admin",
        agent_password=environ.get("AGENT_PASSWORD") or "agent-pass",
        probe_password=environ.get("PROBE_PASSWORD", ""),
        token_seconds=whole_number(environ, "ACCESS_TOKEN_EXPIRE_SECONDS", default=1800),
        lockout_attempts=whole_number(environ, "LOCKOUT_ATTEMPTS", default=5),
        security_log=Path(environ.get("SECURITY_LOG") or "/var/log/security_audit.log"),
        heartbeat_file=Path(environ.get("HEARTBEAT_FILE") or "/run/awe/worker.heartbeat"),
        pid_file=Path(environ.get("PID_FILE") or "/run/awe/main.pid"),
        agent_name=environ.get("AGENT_NAME") or "worker",
        tool_base_url=environ.get("TOOL_BASE_URL") or "http://api:8000/tools",
        tool_ca=environ.get("TOOL_CA", ""),
        tool_client_certificate=environ.get("TOOL_CLIENT_CERTIFICATE", ""),
        tool_client_key=environ.get("TOOL_CLIENT_KEY", ""),
    )


@cache
def current() -> Config:
    """Give the configuration of this process."""
    return read(os.environ)


def needed(environ: Mapping[str, str], name: str) -> str:
    """Give a variable that must be set.

    Raises: ConfigurationError.
    """
    value = environ.get(name)
    if not value:
        raise ConfigurationError(f"configuration error: environment variable {name} is not set")
    return value


def whole_number(environ: Mapping[str, str], name: str, *, default: int) -> int:
    """Give a variable that must be a positive whole number.

    Raises: ConfigurationError.
    """
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigurationError(f"configuration error: environment variable {name} is no positive whole number")
    return int(text)

"""Who may come in, in typed form: the login, tokens, their provider and where all of it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diagnostics.stack.secrets import SecretReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A low-privilege account to probe the login with."""

    endpoint: str
    username: str
    password: SecretReference
    path: str = "/auth/login"
    protected_path: str = "/auth/me"
    token_field: str = "access_token"  # noqa: S105  a field's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The table in which the application keeps its users, a row each; its hashes are bcrypt's."""

    database: str  # key of `databases`, whose application's login may change the table
    table: str = "users"  # with its schema where that is not on the search path
    username: str = "username"  # columns
    password_hash: str = "password_hash"  # noqa: S105  a column's name
    failed_attempts: str | None = None  # a number; 0 when a password is reset
    locked_until: str | None = None  # NULL when a password is reset
    must_change: str | None = None  # true when a password is reset


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A signing key as one service really has it: an environment variable of its process, or a reference."""

    service: str
    environment_variable: str | None = None
    environment_file: Path | None = None  # of NAME=value lines, from which that environment is made
    value: SecretReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What tokens of the stack must look like."""

    algorithms: tuple[str, ...] = ("HS256",)
    issuer: str | None = None
    require_kid: bool = False
    leeway_seconds: int = 0
    keys: tuple[TokenKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookie:
    """A cookie that a login must set, and with which flags."""

    name: str
    secure: bool = True
    http_only: bool = True
    same_site: str | None = None  # strict, lax or none; None where any will do


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """The provider that tokens of the stack come from, and what its sessions may be like."""

    issuer: str | None = None
    discovery_url: str | None = None  # issuer + /.well-known/openid-configuration where not given
    tls: str | None = None  # key of `tls`, whose `ca` is trusted; None for the public CAs of this machine
    hosts: tuple[str, ...] = ()  # host or host:port where its keys may lie, besides its own
    client_id: str | None = None
    session_seconds: int | None = None
    cookies: tuple[SessionCookie, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityLog:
    """Where logins, refusals and lockouts are recorded."""

    files: tuple[Path, ...] = ()  # JSON, an object a line
    service: str | None = None  # whose log_files have lines about logins, too

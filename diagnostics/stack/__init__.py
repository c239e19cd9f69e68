"""The description of a stack (`stack.toml`): its schema, its typed form and its secrets."""

from diagnostics.stack.authentication import Login, OAuth, SecurityLog, SessionCookie, TokenKey, Tokens
from diagnostics.stack.config import (
    Backups,
    BrokerUrl,
    Contact,
    Database,
    Dns,
    Endpoint,
    Engine,
    Host,
    IssueTracker,
    Logs,
    Migrations,
    Monitor,
    Queue,
    Service,
    StackConfig,
    TlsFiles,
)
from diagnostics.stack.errors import SecretUnavailable, StackError, StackInvalid
from diagnostics.stack.reading import parse_document, parse_toml, read_stack
from diagnostics.stack.secrets import Mark, SecretReference, SecretResolver, freshness

__all__ = [
    "Backups",
    "BrokerUrl",
    "Contact",
    "Database",
    "Dns",
    "Endpoint",
    "Engine",
    "Host",
    "IssueTracker",
    "Login",
    "Logs",
    "Mark",
    "Migrations",
    "Monitor",
    "OAuth",
    "Queue",
    "SecretReference",
    "SecretResolver",
    "SecretUnavailable",
    "SecurityLog",
    "Service",
    "SessionCookie",
    "StackConfig",
    "StackError",
    "StackInvalid",
    "TlsFiles",
    "TokenKey",
    "Tokens",
    "freshness",
    "parse_document",
    "parse_toml",
    "read_stack",
]

"""The description of a stack (`stack.toml`): its schema, its typed form and its secrets."""

from diagnostics.stack.config import (
    BrokerUrl,
    Contact,
    Database,
    Dns,
    Endpoint,
    Engine,
    Host,
    IssueTracker,
    Login,
    Logs,
    Monitor,
    Queue,
    Service,
    StackConfig,
    TlsFiles,
    TokenKey,
    Tokens,
)
from diagnostics.stack.errors import SecretUnavailable, StackError, StackInvalid
from diagnostics.stack.reading import parse_document, parse_toml, read_stack
from diagnostics.stack.secrets import Mark, SecretReference, SecretResolver, freshness

__all__ = [
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
    "Monitor",
    "Queue",
    "SecretReference",
    "SecretResolver",
    "SecretUnavailable",
    "Service",
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

"""The redactor of a stack: its key, its secrets by value, and its public names, which stay."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from diagnostics.redaction import KnownSecret, Options, Redactor
from diagnostics.stack import StackConfig


def stack_redactor(config: StackConfig, *, key: bytes, secrets: Mapping[str, str]) -> Redactor:
    """Give the redactor for text of this stack; `secrets` are values by the name that their marks bear."""
    known = [KnownSecret(name, value) for name, value in secrets.items() if value]
    return Redactor(key, known, Options(keep_words=public_names(config)))


def public_names(config: StackConfig) -> frozenset[str]:
    """Give the names of services, databases, roles and hosts, without which nobody could read a diagnosis."""
    names = {config.name, *config.services, *config.endpoints, *config.databases}
    for database in config.databases.values():
        names |= {database.dbname, database.user, database.host, database.as_watched.user}
        if database.pooler:
            names |= {database.pooler.host, database.pooler.dbname or "", database.pooler.admin_user or ""}
    for endpoint in config.endpoints.values():
        names |= set(endpoint.names)
    if config.queue:
        names |= {config.queue.host, config.queue.user or ""}
    names |= {urlsplit(provider.url).hostname or "" for provider in config.model_providers.values()}
    if config.login:
        names.add(config.login.username)
    return frozenset(names - {""})

"""The redactor of what our own programs print and log: all rules, and the deployment's own secrets by value."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from diagnostics.redaction import KnownSecret, Redactor

DROPPED = "[a log line was dropped: it could not be redacted]"


@cache
def own_redactor() -> Redactor:
    """Give the redactor of this process; before there are settings it knows the rules only, and is not remembered."""
    key = hashlib.sha256(b"own-log:" + settings.SECRET_KEY.encode()).digest()
    return Redactor(key, [KnownSecret(name, value) for name, value in _own_secrets() if value])


def redactor_now() -> Redactor:
    """Give the redactor that can be had now."""
    try:
        return own_redactor()
    except (ImproperlyConfigured, ImportError):
        return Redactor(secrets.token_bytes(32))


def redacted(line: str) -> str:
    """Give a text redacted; where that fails it is dropped, not shown."""
    try:
        return redactor_now().text(line).text
    except Exception:
        return DROPPED


def _own_secrets() -> Iterator[tuple[str, str]]:
    yield "DJANGO_SECRET_KEY", settings.SECRET_KEY
    for number, key in enumerate(settings.AWE_ENCRYPTION_KEYS):
        yield f"AWE_ENCRYPTION_KEYS/{number}", key
    for name, database in settings.DATABASES.items():
        yield f"database {name}", str(_of(database, "PASSWORD"))
    yield "AWE_MAIL_SERVER", settings.EMAIL_HOST_PASSWORD
    yield "REDIS_URL", unquote(urlsplit(settings.REDIS_URL).password or "")


def _of(database: dict[str, Any], name: str) -> object:
    return database.get(name) or ""

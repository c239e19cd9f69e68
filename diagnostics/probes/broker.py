"""Probe of a queue's broker as an application reaches it: kombu for Celery, redis-py for lists in Redis; no retries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from kombu import Connection
from kombu.exceptions import OperationalError

from diagnostics.probes.celery import redis_connection
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.patience import within
from diagnostics.probes.redis import Limits, classified, connected, info
from diagnostics.stack import Queue

REDIS_SCHEMES = ("redis", "valkey")
AMQP_SCHEMES = ("amqp", "pyamqp")
SPARE_SECONDS = 1.0  # for a driver to notice its own time limit
AMQP_CODES: tuple[tuple[str, str], ...] = (
    ("auth", "ACCESS_REFUSED"),
    ("no_virtual_host", "NOT_FOUND"),
    ("refused", "Connection refused"),
    ("dns", "Name or service not known"),
    ("timeout", "timed out"),
)


class BrokerFailure(ProbeFailure):
    """The broker was not reached or said no; `text` may hold names, never the password."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and how to log in; `url` only where kombu takes it as it stands (AMQP)."""

    queue: Queue
    password: str | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Give host:port/database, without credentials."""
        place = urlsplit(self.url) if self.url else None
        if place:
            return f"{place.hostname}:{place.port or 5672}{place.path or '/'}"
        return f"{self.queue.host}:{self.queue.port}/{self.queue.database}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A broker that answered; `server` tells one Redis server from another, "" where it may not be asked for."""

    milliseconds: float
    server: str = ""


def broker_at(url: str, queue: Queue) -> Broker:
    """Read a broker's URL as a service has it.

    Raises: BrokerFailure (code url), which never quotes the URL.
    """
    try:
        parts = urlsplit(url)
        port, database = parts.port, parts.path.strip("/") or "0"
    except ValueError:
        raise BrokerFailure("url", "its URL cannot be read") from None
    if parts.scheme in AMQP_SCHEMES and queue.adapter == "celery":
        return Broker(queue, url=url)
    if parts.scheme not in REDIS_SCHEMES or not parts.hostname or not database.isdigit():
        raise BrokerFailure("url", f"a URL of the kind {parts.scheme or '(none)'}: is not one that is looked at")
    place: Mapping[str, Any] = {"host": parts.hostname, "port": port or 6379, "database": int(database)}
    user = unquote(parts.username) if parts.username else None
    return Broker(replace(queue, user=user, **place), unquote(parts.password) if parts.password else None)


def reach(broker: Broker, *, seconds: float) -> Reached:
    """Connect as the application does, and log in.

    Raises: BrokerFailure (codes as those of probes/redis.py without their prefix).
    """
    began = time.monotonic()
    try:
        if broker.queue.adapter == "celery":
            within(seconds + SPARE_SECONDS, lambda: _ensure(broker, seconds))
        server = "" if broker.url else _server(broker, seconds)
    except ProbeFailure as failure:
        raise BrokerFailure(failure.code.removeprefix("redis."), failure.text) from None
    except TimeoutError:
        raise BrokerFailure("timeout", f"no answer within {seconds:.1f} s") from None
    return Reached(round((time.monotonic() - began) * 1000, 1), server)


def _ensure(broker: Broker, seconds: float) -> None:
    """Do what Celery does at its start. Raises: ProbeFailure, TimeoutError."""
    connection = (
        Connection(broker.url, connect_timeout=seconds)
        if broker.url
        else redis_connection(broker.queue, password=broker.password, seconds=seconds)
    )
    errors = cast("tuple[type[Exception], ...]", connection.connection_errors + connection.channel_errors)
    errors += (cast("type[Exception]", OperationalError),)
    whole_seconds = max(1, round(seconds))  # kombu counts them
    with connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=whole_seconds, interval_start=0, interval_step=0)
        except errors as error:
            raise _sorted(broker, error) from None


def _sorted(broker: Broker, error: Exception) -> ProbeFailure:
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if not broker.url:
        return classified(cause)
    text = " ".join(str(cause).split())[:300]
    if isinstance(cause, TimeoutError):
        return BrokerFailure("timeout", "no answer in time")
    return BrokerFailure(next((code for code, mark in AMQP_CODES if mark in text), "other"), text)


def _server(broker: Broker, seconds: float) -> str:
    limits = Limits(connect_seconds=seconds, ends_at=time.monotonic() + seconds)
    with connected(broker.queue, password=broker.password, limits=limits) as client:
        client.ping()
        return str((info(client) or {}).get("run_id", ""))

"""Probe of Redis (or Valkey) by redis-py, without its retries: bounded in time and bytes, failures sorted by meaning.

redis-py retries by default (4.6 s for a refused port), counts its time limit per read and reads whatever length a
server announces, so the connection here brings its own socket: one deadline and one byte limit for all of it.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from diagnostics.probes.errors import NameUnresolved, ProbeFailure
from diagnostics.probes.resolve import addresses
from diagnostics.probes.wire import connected as tcp_connected
from diagnostics.stack import Queue

CLIENT_NAME = "incident-diag"
MAX_BYTES = 8_000_000  # for everything that one connection reads
MAX_TEXT = 300  # a server's words in a message
REPLY_STARTS = b"+-:$*"  # RESP2
TLS_ALERT = b"\x15\x03"  # what a TLS server says to plain text

# By class first (redis-py strips the code word of the errors that it knows), then by text; the first match wins.
BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "redis.auth"),
    (redis.exceptions.AuthenticationWrongNumberOfArgsError, "redis.auth"),
    (redis.exceptions.NoPermissionError, "redis.not_permitted"),
    (redis.BusyLoadingError, "redis.loading"),
    (redis.exceptions.MaxConnectionsError, "redis.max_clients"),
    (redis.exceptions.OutOfMemoryError, "redis.out_of_memory"),
    (redis.exceptions.ReadOnlyError, "redis.replica"),
    (redis.TimeoutError, "redis.timeout"),
)
BY_TEXT: tuple[tuple[str, str], ...] = (
    ("redis.dns", r"Name or service not known|Temporary failure in name|bad address"),
    ("redis.refused", r"Connection refused|Cannot assign requested address"),
    ("redis.unreachable", r"No route to host|Network is unreachable|Host is unreachable"),
    ("redis.protocol", r"Protocol Error|Connection (?:has data|not ready)"),
    ("redis.auth", r"NOAUTH|WRONGPASS|Authentication required|invalid password|without any password configured"),
    ("redis.not_permitted", r"NOPERM|DENIED|protected mode"),
    ("redis.loading", r"loading the dataset"),
    ("redis.max_clients", r"max number of clients"),
    ("redis.no_database", r"DB index is out of range|invalid DB index"),
    ("redis.wrong_type", r"WRONGTYPE"),
    ("redis.cluster", r"^(?:MOVED|ASK|CLUSTERDOWN)"),
    ("redis.busy", r"^BUSY|MASTERDOWN|MISCONF"),
    ("redis.refused", r"Connection refused"),  # these three as kombu's own connection says them
    ("redis.dns", r"Name or service not known|name resolution|No address associated"),
    ("redis.unreachable", r"No route to host|Network is unreachable"),
    ("redis.timeout", r"[Tt]ime(?:d )?out"),
    ("redis.closed", r"closed by server|reset by peer|Broken pipe"),
)


class RedisFailure(ProbeFailure):
    """Redis was not reached, said no, or is something else; `text` may hold names, never the password."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take: until when (`time.monotonic()`), and how many bytes."""

    connect_seconds: float
    ends_at: float
    max_bytes: int = MAX_BYTES


class BoundedSocket(socket.socket):
    """A connected socket whose reads end at a deadline, however slowly they drip, and at a number of bytes."""

    ends_at = 0.0
    bytes_left = 0
    has_answered = False

    @classmethod
    def taking_over(cls, connection: socket.socket, limits: Limits) -> BoundedSocket:
        """Take the descriptor of a connected socket."""
        bounded = cls(connection.family, connection.type, connection.proto, fileno=connection.detach())
        bounded.ends_at, bounded.bytes_left = limits.ends_at, limits.max_bytes
        return bounded

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Read what is there. Raises: TimeoutError, RedisFailure."""
        self._limit()
        data = super().recv(bufsize, flags)
        self._judge(data[:2], len(data))
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read into a buffer. Raises: TimeoutError, RedisFailure."""
        self._limit()
        size = super().recv_into(buffer, nbytes, flags)
        self._judge(bytes(memoryview(buffer)[: min(size, 2)]), size)
        return size

    def _limit(self) -> None:
        if self.gettimeout() == 0:  # asked not to wait at all
            return
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)

    def _judge(self, start: bytes, size: int) -> None:
        if start and not self.has_answered:
            self.has_answered = True
            if start == TLS_ALERT:
                raise RedisFailure("redis.tls", "the server wants TLS, and the stack describes it without")
            if start[0] not in REPLY_STARTS:
                raise RedisFailure("redis.protocol", "what came back is not the Redis protocol")
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise RedisFailure("redis.too_much", "the answer is larger than a probe reads")


class BoundedConnection(redis.Connection):
    """A connection of redis-py over a bounded socket, connected by our own resolver and connector."""

    def __init__(self, *, limits: Limits, **more: Any) -> None:
        super().__init__(**more)  # type: ignore[no-untyped-call]
        self._limits = limits

    def _connect(self) -> BoundedSocket:
        limits = self._limits
        seconds = min(limits.connect_seconds, limits.ends_at - time.monotonic())
        found = addresses(self.host, int(self.port), seconds=seconds)
        return BoundedSocket.taking_over(tcp_connected(found, seconds=seconds), limits)


@contextmanager
def connected(queue: Queue, *, password: str | None, limits: Limits) -> Iterator[redis.Redis]:
    """Give a client with the stack's credentials; it connects at its first command, and every failure is sorted.

    Raises: RedisFailure.
    """
    host, port = queue.way.address() if queue.way else (queue.host, queue.port)
    pool = redis.ConnectionPool(
        connection_class=BoundedConnection,
        limits=limits,
        host=host,
        port=port,
        db=queue.database,
        username=queue.user,
        password=password,
        socket_connect_timeout=limits.connect_seconds,
        socket_timeout=limits.connect_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # every server speaks it; RESP3's HELLO fails before Redis 6
        client_name=None,  # an ACL may forbid CLIENT SETNAME, which would look like a wrong password
        driver_info=None,
        encoding_errors="replace",
    )
    client = redis.Redis(connection_pool=pool)
    try:
        yield client
    except (redis.RedisError, ProbeFailure, OSError, ValueError, RecursionError) as error:
        raise classified(OSError(queue.way.failure) if queue.way and queue.way.failure else error) from None
    finally:
        pool.disconnect()


def classified(error: Exception) -> RedisFailure:
    """Sort what redis-py, the socket or the resolver raised."""
    if isinstance(error, RedisFailure):
        return error
    if isinstance(error, NameUnresolved):
        return RedisFailure("redis.dns" if error.code == "dns" else "redis.dns_timeout", error.text)
    if isinstance(error, ProbeFailure):
        return RedisFailure(f"redis.{error.code}", error.text)
    if isinstance(error, TimeoutError):
        return RedisFailure("redis.timeout", "no answer in time")
    if isinstance(error, RecursionError | ValueError):
        return RedisFailure("redis.protocol", "what came back is not the Redis protocol")
    text = " ".join(str(error).split())[:MAX_TEXT]
    by_class = next((code for kind, code in BY_CLASS if isinstance(error, kind)), "")
    code = by_class or next((code for code, pattern in BY_TEXT if re.search(pattern, text)), "redis.other")
    return RedisFailure(code, text)


def info(client: redis.Redis) -> Mapping[str, Any] | None:
    """Give the server's INFO (the default sections), None where the account may not ask for it.

    Raises: what `connected` sorts.
    """
    try:
        answer = client.info()
    except redis.exceptions.NoPermissionError:
        return None
    return answer if isinstance(answer, dict) else {}


def figure(values: Mapping[str, Any], name: str) -> float:
    """Give a number of INFO, 0 where there is none."""
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else 0.0

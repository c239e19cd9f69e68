"""A TCP connection with one deadline for everything on it, in the form that httpcore takes as its network."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress

import httpcore

from diagnostics.probes import tls
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.resolve import Address


class Wire(httpcore.NetworkStream):
    """A connected socket, plain or TLS; every wait ends at the deadline, however slowly the other side drips."""

    def __init__(self, connection: socket.socket, *, who: str, ends_at: float) -> None:
        self._connection = connection
        self._who = who
        self._ends_at = ends_at
        self.heard_bytes = 0
        self._write_error: OSError | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, b"" at the end of an answer. Raises: ProbeFailure, also where there never was one."""
        try:
            self._limit()
            data = self._connection.recv(max_bytes)
        except OSError as error:
            raise lost(error, self._who) from None
        if not data and self._write_error:  # the kernel tells of a reset once
            raise lost(self._write_error, self._who)
        if not data and not self.heard_bytes:
            raise ProbeFailure("closed", f"{self._who} closed the connection without an answer")
        self.heard_bytes += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it. Raises: httpcore.WriteError, after which an answer may still be read."""
        try:
            self._limit()
            self._connection.sendall(buffer)
        except TimeoutError as error:
            raise lost(error, self._who) from None
        except OSError as error:
            self._write_error = error
            raise httpcore.WriteError(type(error).__name__) from None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Wire:
        """Shake hands. Raises: TlsFailure."""
        try:
            self._limit(timeout)
            self._connection = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except (OSError, ValueError) as error:  # ValueError: a host name that IDNA does not know
            self.close()
            raise tls.explained(error if isinstance(error, OSError) else OSError(str(error)), who=self._who) from None
        return self

    def close(self) -> None:
        """Close without waiting for anybody."""
        with suppress(OSError):
            self._connection.close()

    def get_extra_info(self, info: str) -> object:
        """Give the TLS object, which httpcore asks for."""
        is_tls = info == "ssl_object" and isinstance(self._connection, ssl.SSLSocket)
        return self._connection if is_tls else None

    def _limit(self, seconds: float | None = None) -> None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left if seconds is None else min(left, seconds))


class Network(httpcore.NetworkBackend):
    """Connects to addresses that are resolved already, one after the other."""

    def __init__(self, addresses: Iterable[Address], *, ends_at: float) -> None:
        self._addresses = tuple(addresses)
        self._ends_at = ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Wire:
        """Give the first connection that comes about; `timeout` is for all attempts. Raises: ProbeFailure."""
        connection = connected(self._addresses, seconds=timeout or 3.0)
        return Wire(connection, who=f"{host}:{port}", ends_at=self._ends_at)


def connected(addresses: Iterable[Address], *, seconds: float) -> socket.socket:
    """Connect to the first address that answers.

    Raises: ProbeFailure with the last address's code: refused, timeout, unreachable, reset or connect.
    """
    ends_at = time.monotonic() + seconds
    failure = ProbeFailure("dns", "the name has no address")
    for address in addresses:
        connection = socket.socket(socket.AddressFamily(address.family), socket.SOCK_STREAM)
        try:
            connection.settimeout(max(ends_at - time.monotonic(), 0.05))
            connection.connect(address.where)
        except OSError as error:
            connection.close()
            failure = _not_connected(error, str(address), seconds)
        else:
            return connection
    raise failure


def _not_connected(error: OSError, where: str, seconds: float) -> ProbeFailure:
    if isinstance(error, ConnectionRefusedError):
        return ProbeFailure("refused", f"{where} refused the connection: nobody listens there")
    if isinstance(error, TimeoutError):
        return ProbeFailure("timeout", f"{where} did not accept a connection within {seconds:.1f} s")
    if isinstance(error, ConnectionResetError):
        return ProbeFailure("reset", f"{where} reset the connection")
    return ProbeFailure("unreachable", f"{where} cannot be reached: {error.strerror or error}")


def lost(error: OSError, who: str) -> ProbeFailure:
    """Say why an open connection gave nothing more."""
    if isinstance(error, TimeoutError):
        return ProbeFailure("timeout", f"{who} did not answer in time")
    if alert := tls.alert_name(error):
        return ProbeFailure("tls_refused", f"{who} ended the connection with the TLS alert {alert}")
    if isinstance(error, ssl.SSLError):
        return ProbeFailure("closed", f"{who} broke the TLS session off")
    return ProbeFailure("reset", f"{who} reset the connection: {error.strerror or type(error).__name__}")

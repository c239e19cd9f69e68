"""Small real servers for tests: TLS with client certificates, and hostile ones that do what a handler says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from diagnostics.stack import TlsFiles

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
Handler = Callable[[socket.socket], None]
PATIENCE_SECONDS = 10.0


@contextlib.contextmanager
def serving(handler: Handler, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Listen on a free port and give every connection to the handler, each in a thread of its own."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    connections: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(PATIENCE_SECONDS)
            handler(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def server_context(
    files: TlsFiles,
    *,
    demands: bool = True,
    client_ca: Path | None = None,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """Make the context of a server; `demands` a client certificate."""
    assert files.server_certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(files.server_certificate, files.server_key)
    if demands:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca or files.client_ca or files.ca)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def tls_handler(context: ssl.SSLContext, *, answer: Callable[[ssl.SSLSocket], bytes] = lambda _: ANSWER) -> Handler:
    """Shake hands, read a request, answer it."""

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as session:
            if session.recv(65536):
                session.sendall(answer(session))

    return handle


def hanging(connection: socket.socket) -> None:
    """Read everything and never answer."""
    while connection.recv(65536):
        pass


@contextlib.contextmanager
def full_listener() -> Iterator[socket.socket]:
    """Listen and take nobody, with no room left to wait: the kernel drops whoever else wants to connect."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(20):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            if waiting.connect_ex(listener.getsockname()):
                break
        else:
            raise AssertionError("the backlog never became full")
        yield listener


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """Give the port of such a listener."""
    with full_listener() as listener:
        yield listener.getsockname()[1]

"""A WSGI application behind granian's RSGI: a request gets a thread once its body is there (ADR 19).

Under granian's own WSGI the thread reads the body, and a handful of clients that send slowly hold all threads.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from awe_incidents.intake import Intake, RefusedBody

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

WHOLE_BYTES = 1_000_000  # of an answer in pieces, from where on it is not gathered
_OWN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Gateway:
    """A WSGI application behind granian's RSGI, whose threads never wait for a client's body."""

    def __init__(self, application: Application, *, threads: int, intake: Intake) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._intake = intake

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Take the body in, then answer from a thread."""
        environ = environ_of(scope)
        environ["wsgi.input"] = await self._body(environ, protocol)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._answer, environ, protocol, loop)

    async def _body(self, environ: Environ, protocol: HTTPProtocol) -> BytesIO | RefusedBody:
        declared = environ.get("CONTENT_LENGTH", "")
        if not declared and "HTTP_TRANSFER_ENCODING" not in environ and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            return BytesIO()
        length = int(declared) if declared.isascii() and declared.isdecimal() and len(declared) < 16 else None
        is_stranger = not ("HTTP_AUTHORIZATION" in environ or "HTTP_COOKIE" in environ)
        body = await self._intake.take(protocol, length=length, is_stranger=is_stranger)
        if not declared and isinstance(body, BytesIO):
            environ["CONTENT_LENGTH"] = str(len(body.getbuffer()))
        return body

    def _answer(self, environ: Environ, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop) -> None:
        head: list[Any] = []
        answer = self._application(environ, lambda status, headers, exc_info=None: head.extend((status, headers)))
        try:
            status, headers = int(head[0][:3]), head[1]
            if isinstance(environ["wsgi.input"], RefusedBody):
                headers = [*headers, ("Connection", "close")]  # what is left of the body is not waited for
            _send(protocol, status, headers, answer, loop)
        finally:
            if close := getattr(answer, "close", None):
                close()


def _send(
    protocol: HTTPProtocol,
    status: int,
    headers: list[tuple[str, str]],
    answer: Iterable[bytes],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Send an answer whole, so that no thread waits for a client's reading; one of many pieces goes at its pace."""
    ready, following, pieces = bytearray(), b"", iter(answer)
    for piece in pieces:
        if len(ready) > WHOLE_BYTES:
            following = piece
            break
        ready += piece
    if not following:
        protocol.response_bytes(status, headers, bytes(ready))
        return
    transport = protocol.response_stream(status, headers)
    for piece in chain((bytes(ready), following), pieces):
        asyncio.run_coroutine_threadsafe(_sent(transport, piece), loop).result()


async def _sent(transport: Any, piece: bytes) -> None:
    await transport.send_bytes(piece)


def environ_of(scope: Scope) -> Environ:
    """Give a request's head as WSGI has it (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "surrogatepass").decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # X_Forwarded_For must not pass for X-Forwarded-For, which a proxy has set
        key = _OWN_NAMES.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    if scope.authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority  # HTTP/2 has no header for it
    return environ

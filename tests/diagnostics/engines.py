"""An engine over real HTTP whose containers answer as a test says: for moments that no real engine gives on demand."""

from __future__ import annotations

import json
import re
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, Literal

from diagnostics.stack import Engine, StackConfig

HOST_MEMORY = 8 * 2**30
VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
AT_ONCE = struct.pack("ii", 1, 0)  # of SO_LINGER: closing resets the connection


@dataclass(frozen=True, slots=True)
class Telling:
    """The answer in which an engine tells a log: chunks, whose content has frames or, of a terminal, has none."""

    connection: socket.socket

    def begin(self) -> None:
        self.connection.sendall(CHUNKED)

    def chunk(self, content: bytes) -> None:
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(content), content))

    def frame(self, content: bytes, *, stream: int = 1) -> None:
        self.chunk(struct.pack(">BxxxL", stream, len(content)) + content)

    def end(self) -> None:
        self.connection.sendall(b"0\r\n\r\n")

    def hang(self) -> None:
        """Say no more until who asked has gone, or for longer than anybody waits."""
        self.connection.settimeout(20)
        with suppress(OSError):
            self.connection.recv(1)

    def hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Go as a process that is killed."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.connection.close()


@dataclass(slots=True)
class Container:
    """One container: its limits, its stats each time that they are asked for (None: it is gone), state and log."""

    stats: Callable[[], Mapping[str, Any] | None] = dict
    limits: Mapping[str, Any] = field(default_factory=dict)
    status: str = "running"
    state: Mapping[str, Any] = field(default_factory=dict)  # what inspect says of it besides the status
    restarts: int = 0
    log: Callable[[Telling], None] = Telling.end  # after the headers
    archive: Callable[[Telling], None] = Telling.end
    has_terminal: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)  # what inspect says of `Config` besides
    service: str = ""  # where it is not called as its container is


def hangs() -> Mapping[str, Any] | None:
    """Give no stats, not even that there are none, for longer than anybody waits."""
    threading.Event().wait(20)
    return {}


class _OnSocket(ThreadingMixIn, UnixStreamServer):
    """Listens on a Unix socket."""


@contextmanager
def engine_of(
    containers: Mapping[str, Container],
    root: Path,
    *,
    road: Literal["tcp", "unix"] = "tcp",
    events: Callable[[Telling], None] = Telling.end,
    **tables: Any,
) -> Iterator[StackConfig]:
    """Describe a stack whose engine knows these containers, by service."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = re.sub(r"^/v[\d.]+", "", self.path.partition("?")[0])
            if tells := _told(containers, path, events):
                self._tell(tells)
                return
            found = _answer(containers, path)
            body = json.dumps({"message": "No such container"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked did not wait
                self.wfile.write(body)

        def _tell(self, tells: Callable[[Telling], None]) -> None:
            telling = Telling(self.connection)
            with suppress(OSError):  # who asked did not wait
                telling.begin()
                tells(telling)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def finish(self) -> None:
            with suppress(OSError):  # a reset connection
                super().finish()

    with tempfile.TemporaryDirectory(prefix="awe-engine-") as folder:
        place = f"{folder}/engine.sock"  # shorter than what a test's own folder may be called
        server: _OnSocket | ThreadingHTTPServer
        if road == "unix":
            server, url = _OnSocket(place, Answering), f"unix://{place}"
        else:
            server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
            url = f"tcp://127.0.0.1:{server.server_port}"
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        engine = Engine(url=url, project="shop")
        try:
            yield StackConfig(
                name="shop", environment="Staging", vantage="container", root=root, engine=engine, **tables
            )
        finally:
            server.shutdown()
            server.server_close()


def _told(
    containers: Mapping[str, Container], path: str, events: Callable[[Telling], None]
) -> Callable[[Telling], None] | None:
    if path == "/events":
        return events
    name, _, what = path.removeprefix("/containers/").partition("-id/")
    one = containers.get(name)
    return {"logs": one.log, "archive": one.archive}.get(what) if one else None


def _answer(containers: Mapping[str, Container], path: str) -> Any:
    if path == "/version":
        return VERSION
    if path == "/info":
        return {"MemTotal": HOST_MEMORY, "NCPU": 4, "SystemTime": datetime.now(UTC).isoformat()}
    if path == "/containers/json":
        labels = {"com.docker.compose.project": "shop"}
        return [
            {"Id": f"{name}-id", "Labels": labels | {"com.docker.compose.service": one.service or name}}
            for name, one in containers.items()
        ]
    name, _, what = path.removeprefix("/containers/").partition("-id/")
    one = containers[name]
    if what == "stats":
        return one.stats()
    if what != "json":
        return None
    state = {"Status": one.status, **one.state}
    return {
        "Id": f"{name}-id",
        "Name": f"/{name}-1",
        "Config": {"Tty": one.has_terminal, **one.config},
        "HostConfig": one.limits,
        "State": state,
        "RestartCount": one.restarts,
    }

"""A small real application over HTTP: a health path, a login and a protected path, each answering as the test says."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt

from diagnostics.stack import Endpoint, Login, SecretReference, Service, StackConfig, Tokens
from tests.diagnostics import looks

PASSWORD = "correct-horse-battery"
KEY = "the signing key of the corner shop, 44 bytes."


@dataclass
class Reply:
    """What a path answers."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Application:
    """Answers by path, and what it was asked."""

    replies: dict[str, Reply]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def stack(self, root: Path, **tables: Any) -> StackConfig:
        (root / "password").write_text(PASSWORD + "\n")
        endpoint = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{self.port}", health_path="/up")
        usual: dict[str, Any] = {
            "services": {"shop": Service(name="shop", role="api"), "runner": Service(name="runner", role="worker")},
            "endpoints": {"till": endpoint},
            "login": Login(
                endpoint="till",
                username="tester",
                password=SecretReference("file", "password"),
                path="/session",
                protected_path="/me",
            ),
            "tokens": Tokens(),
        }
        return looks.stack(root, **usual | tables)


def token(**claims: object) -> str:
    return jwt.encode({"sub": "tester", **claims}, KEY, algorithm="HS256")


@contextlib.contextmanager
def running_application(replies: dict[str, Reply]) -> Iterator[Application]:
    application = Application(replies)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            application.asked.append((self.command, self.path, dict(self.headers), body))
            reply = application.replies.get(self.path, Reply(404, {"detail": "no such path"}))
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response_only(reply.status)  # no Date of its own
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815  the names that http.server calls

        def log_message(self, *arguments: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    application.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield application
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A real OpenID provider over HTTPS on this machine: discovery, keys, and tokens signed with them."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from diagnostics.stack import OAuth, TlsFiles
from tests.diagnostics.checks.certificates import Shop
from tests.diagnostics.servers import server_context

ISSUER_PATH = "/realms/shop"
WELL_KNOWN = f"{ISSUER_PATH}/.well-known/openid-configuration"
KEYS = f"{ISSUER_PATH}/keys"


@dataclass
class Provider:
    """What it says may be changed by path; `asked` has every path that was asked for, `sent` the headers with it."""

    files: TlsFiles
    port: int = 0
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    key_id: str = "2026-01"
    clock_ahead: float = 0.0
    replies: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}{ISSUER_PATH}"

    def oauth(self, **more: Any) -> OAuth:
        return OAuth(**{"issuer": self.issuer, "tls": "provider", **more})

    def says(self, path: str, document: object, *, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.replies[path] = (status, body, headers)

    def describes_itself(self, **changes: object) -> None:
        document = {"issuer": self.issuer, "jwks_uri": f"https://localhost:{self.port}{KEYS}"}
        self.says(WELL_KNOWN, document | changes)

    def publishes(self, *keys: tuple[str, rsa.RSAPrivateKey]) -> None:
        entries = [
            jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            | {"kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in keys
        ]
        self.says(KEYS, {"keys": entries})

    def token(self, *, key: rsa.RSAPrivateKey | None = None, key_id: str | None = None, **claims: object) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "sub": "somebody", "aud": "shop", "iat": now, "exp": now + 3600}
        headers = {"kid": self.key_id if key_id is None else key_id}
        return jwt.encode(usual | claims, key or self.key, algorithm="RS256", headers=headers if key_id != "" else None)


@contextlib.contextmanager
def running_provider(folder: Path) -> Iterator[Provider]:
    files = Shop(folder).write()
    provider = Provider(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            provider.sent.append(dict(self.headers))
            status, body, headers = provider.replies.get(self.path, (404, b"{}", {}))
            self.send_response_only(status)
            date = formatdate(time.time() + provider.clock_ahead, usegmt=True)
            for name, value in {"Date": date, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked may have had enough
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *arguments: object) -> None:
            """Stay quiet, too: handshakes are broken off here."""

    server = Server(("127.0.0.1", 0), Handler)
    context = server_context(files, demands=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    provider.port = server.server_address[1]
    provider.describes_itself()
    provider.publishes((provider.key_id, provider.key))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

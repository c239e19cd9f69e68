"""A server that demands client certificates and reads its files at its start: `door.py PORT CERT KEY CA PID_FILE`."""

from __future__ import annotations

import os
import socketserver
import ssl
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class Answering(BaseHTTPRequestHandler):
    """Says ok."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Door(socketserver.ThreadingTCPServer):
    """Shakes hands in the thread of each connection, so that nobody waits for one that does not."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        try:
            with self._context.wrap_socket(request, server_side=True) as session:  # type: ignore[arg-type]
                super().finish_request(session, client_address)
        except OSError:
            pass


def main(port: str, certificate: str, key: str, client_ca: str, pid_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with Door(int(port), context) as door:
        Path(pid_file).write_text(f"{os.getpid()}\n")
        door.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])

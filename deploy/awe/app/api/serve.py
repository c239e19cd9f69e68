"""Serve the api: `python -m api.serve`, plain behind a proxy or with TLS that demands a client certificate.

One process: its pid is the listener's, and its environment is what the operator gave it. Environment variables:
API_HOST, API_PORT, PID_FILE; TLS_CERTIFICATE, TLS_KEY and TLS_CLIENT_CA together or not at all; FORWARDED_ALLOW_IPS,
the proxies whose X-Forwarded-For is believed (comma separated, or *).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from granian._granian import SocketHolder
from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from shared import config, log
from shared.errors import ApplicationError, ConfigurationError

TLS_VARIABLES = ("TLS_CERTIFICATE", "TLS_KEY", "TLS_CLIENT_CA")
IDLE_HEADER_MILLISECONDS = 10_000
LOGGING = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}  # the server's lines look like ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The files of a server that verifies its clients."""

    certificate: Path
    key: Path
    client_ca: Path


def tls_files(environ: Mapping[str, str]) -> Tls | None:
    """Read the TLS files, all of them or none.

    granian serves without asking for a client certificate when only some are given, so some are refused here.

    Raises: ConfigurationError.
    """
    given = [name for name in TLS_VARIABLES if environ.get(name)]
    if not given:
        return None
    missing = [name for name in TLS_VARIABLES if name not in given]
    if missing:
        raise ConfigurationError(
            f"configuration error: {', '.join(given)} set without {', '.join(missing)}; TLS needs all three"
        )
    paths = [Path(environ[name]) for name in TLS_VARIABLES]
    for path in paths:
        if not path.is_file():
            raise ConfigurationError(f"configuration error: {path} is no file")
    return Tls(certificate=paths[0], key=paths[1], client_ca=paths[2])


class LonelyServer(Server):
    """A granian server that shares its port with nobody.

    granian binds with SO_REUSEPORT: a second server of the same user on the same port starts without a word, and each
    gets a part of the connections. So the socket is bound here, and handed over by its descriptor.
    """

    def _init_shared_socket(self) -> None:
        listener = socket.create_server((self.bind_addr, self.bind_port), backlog=self.backlog)
        self._shd = SocketHolder(listener.detach(), False, self.backlog)  # type: ignore[call-arg, assignment]


def server(environ: Mapping[str, str]) -> LonelyServer:
    """Make the server from its environment.

    Raises: ConfigurationError.
    """
    from api.main import app  # the routes need the configuration, which `main` has checked by now

    tls = tls_files(environ)
    proxies = environ.get("FORWARDED_ALLOW_IPS", "")
    return LonelyServer(
        wrap_asgi_with_proxy_headers(app, trusted_hosts=proxies) if proxies else app,
        address=environ.get("API_HOST") or "127.0.0.1",
        port=config.whole_number(environ, "API_PORT", default=8000),
        interface=Interfaces.ASGINL,
        websockets=False,
        log_dictconfig=LOGGING,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_HEADER_MILLISECONDS),
        ssl_cert=tls.certificate if tls else None,
        ssl_key=tls.key if tls else None,
        ssl_ca=tls.client_ca if tls else None,
        ssl_client_verify=tls is not None,
        ssl_protocol_min=SSLProtocols.tls12,
    )


async def serve(environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    serving, loop = server(environ), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.stop)
    pid_file = config.current().pid_file
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    serving.on_startup(lambda: pid_file.write_text(f"{os.getpid()}\n"))  # after the port is bound
    try:
        await serving.serve()
    finally:
        pid_file.unlink(missing_ok=True)


def main() -> None:
    """Run the program; what keeps it from starting is one line and exit code 1."""
    log.configure()
    try:
        config.current()
        asyncio.run(serve(os.environ))
    except (ApplicationError, OSError, RuntimeError) as error:
        sys.exit(f"api cannot start: {log.one_line(error)}")


if __name__ == "__main__":
    main()

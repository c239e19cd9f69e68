"""The certificate part of the TLS checks: meeting a server, reading and judging its chain; beside a bare handshake."""

from __future__ import annotations

import contextlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from deploy.awe.issuing import issue_server, make_ca
from diagnostics.probes import tls
from diagnostics.probes.certificates import Certificate, read_certificates
from diagnostics.probes.chains import path_to_anchor
from diagnostics.probes.handshake import Patience, meet
from diagnostics.stack import Endpoint

MOST_RATIO = 1.5
START_SECONDS = 10.0
BESIDE = "a bare handshake of Python's ssl with the same server, the leaf's bytes taken"


@dataclass(frozen=True, slots=True)
class Server:
    """A server of OpenSSL that serves a leaf and its CA."""

    port: int
    anchors: tuple[Certificate, ...]


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    program = shutil.which("openssl")
    if program is None:
        raise MeasuringFailed("openssl is not installed")
    ca = make_ca()
    ca.write(folder / "ca")
    issue_server(ca).write(folder / "server")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    files = ["-cert", "server.crt", "-key", "server.key", "-cert_chain", "ca.crt"]
    process = subprocess.Popen(
        [program, "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", *files],
        cwd=folder,
        stdin=subprocess.PIPE,  # at its end the server would end, too
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield Server(port, read_certificates(folder / "ca.crt"))
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise MeasuringFailed("openssl s_server did not start")


def _ours(server: Server) -> None:
    """Do what the checks of certificates do with one door."""
    endpoint = Endpoint(name="door", service="door", url=f"https://localhost:{server.port}")
    meeting = meet(endpoint, tls.onlooking_context(), patience=Patience())
    leaf, *above = meeting.served
    chain, is_anchored = path_to_anchor(leaf, above, server.anchors)
    now = datetime.now(UTC)
    if not is_anchored or any(not one.not_before_at <= now < one.not_after_at for one in chain):
        raise MeasuringFailed("the chain was not found to be sound")
    if "localhost" not in leaf.dns_names or not all(one.lines() for one in meeting.served):
        raise MeasuringFailed("the certificate was not read")


def _bare(server: Server) -> None:
    context = tls.onlooking_context()
    with (
        socket.create_connection(("localhost", server.port)) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as session,
    ):
        if not session.getpeercert(binary_form=True):
            raise MeasuringFailed("the server showed no certificate")


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield milliseconds of the certificate part; the two take turns."""
    times = 100 if quick else 1000
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as server:
        took: dict[Callable[[Server], None], list[float]] = {_ours: [], _bare: []}
        for turn in range(times + 10):
            for one in (_ours, _bare) if turn % 2 else (_bare, _ours):
                began = time.perf_counter()
                one(server)
                took[one].append((time.perf_counter() - began) * 1000)
        ours, bare = (statistics.median(took[one][10:]) for one in (_ours, _bare))
    yield figure("tls_certificate_part", ours, "ms", beside=BESIDE, beside_value=bare, most_ratio=MOST_RATIO)

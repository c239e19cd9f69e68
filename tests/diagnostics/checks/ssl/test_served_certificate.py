from __future__ import annotations

import itertools
import os
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint, Service, TlsFiles
from tests.diagnostics.checks.certificates import SERVER, Issued, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.servers import Handler, hanging, server_context, serving, tls_handler

SLUG = "ssl.served_certificate"


def looked(files: TlsFiles, handler: Handler, **tables: object) -> Result:
    with serving(handler) as port:
        endpoint = Endpoint(name="shop", service="till", url=f"https://localhost:{port}", tls="shop")
        return look(SLUG, stack(files.ca.parent, tls={"shop": files}, endpoints={"shop": endpoint}, **tables))


def issue(shop: Shop, *, starts: float) -> Issued:
    return shop.root.issue("localhost", names=shop.names, usages=[SERVER], starts=starts)


def test_the_file_s_own_certificate_passes(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    result = looked(files, tls_handler(server_context(files)))
    finding = found(result, "served.same")
    assert finding.measured["served_sha256"] == finding.measured["file_sha256"]
    shows(HEALTHY, result)


def test_a_renewed_file_without_a_reload_warns_with_both_and_their_times(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=issue(shop, starts=-300))
    handler = tls_handler(server_context(files))  # holds the certificate in memory, as servers do
    renewed = issue(shop, starts=-0.5)
    renewed.write(tmp_path, "server")
    pid_file = tmp_path / "till.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    till = Service(name="till", role="proxy", pid_file=pid_file)
    result = looked(files, handler, services={"till": till})
    finding = found(result, "served.not_reloaded")
    assert finding.state is State.WARN
    assert not result.is_blocking
    assert finding.measured["served_sha256"] != finding.measured["file_sha256"]
    assert finding.measured["server_started_at"].value is not None
    assert f"{renewed.certificate.serial_number:x}" in finding.message
    assert "process started" in finding.message
    assert result.evidence[0].content.count("sha256: ") == 4
    shows(fault("file renewed, server not reloaded"), result)


def test_an_older_file_is_another_file_than_the_server_s(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=issue(shop, starts=-1))
    handler = tls_handler(server_context(files))
    issue(shop, starts=-300).write(tmp_path, "server")
    result = looked(files, handler)
    assert found(result, "served.other").measured["server_started_at"].value is None
    shows(fault("another file described than the server uses"), result)


def test_processes_that_serve_different_certificates_are_seen(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=issue(shop, starts=-300))
    before = server_context(files)
    issue(shop, starts=-1).write(tmp_path, "server")
    contexts, lock = itertools.cycle([before, server_context(files)]), threading.Lock()

    def handle(connection: socket.socket) -> None:
        with lock:
            context: ssl.SSLContext = next(contexts)
        with context.wrap_socket(connection, server_side=True) as session:
            session.recv(1)

    result = looked(files, handle)
    assert found(result, "served.mixed").state is State.WARN
    shows(fault("one of two processes reloaded"), result)


def test_a_door_that_never_shakes_hands_shows_nothing_and_costs_little(tmp_path: Path) -> None:
    began = time.monotonic()
    result = looked(Shop(tmp_path).write(), hanging)
    assert time.monotonic() - began < 6
    assert found(result, "served.nothing_seen").state is State.SKIP
    shows(HANGING, result)


def test_a_file_that_went_since_is_an_error(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    handler = tls_handler(server_context(files))
    assert files.server_certificate is not None
    files.server_certificate.write_bytes(b"rubbish")
    assert looked(files, handler).state is State.ERROR


def test_a_table_without_the_server_s_file_has_nothing_to_compare(tmp_path: Path) -> None:
    files = replace(Shop(tmp_path).write(), server_certificate=None)
    assert codes(looked(files, hanging)) == {"not_applicable"}

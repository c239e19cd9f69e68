from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest

from diagnostics.checks.registry import check
from diagnostics.checks.result import Result, State
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.stack import Endpoint, TlsFiles
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.servers import ANSWER, Handler, hanging, server_context, serving, tls_handler

SLUG = "ssl.mtls_handshake"


def looked(files: TlsFiles, handler: Handler, *, host: str = "localhost", **thresholds: float) -> Result:
    with serving(handler) as port:
        endpoint = Endpoint(name="shop", service="till", url=f"https://{host}:{port}", tls="shop")
        return look(
            SLUG,
            stack(
                files.ca.parent,
                tls={"shop": files},
                endpoints={"shop": endpoint},
                thresholds={SLUG: {"listen_seconds": 0.4, **thresholds}},
            ),
        )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_only_the_right_certificate_is_let_in(version: ssl.TLSVersion, tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    result = looked(files, tls_handler(server_context(files, version=version)))
    assert result.state is State.PASS
    assert result.leading.code == "handshake.accepted"
    assert result.leading.measured["version"].value == version.name.replace("_", ".")
    alerts = [one.measured["alert"].value for one in result.findings if one.code == "handshake.guest_refused"]
    assert alerts[1] == "unknown_ca"
    shows(HEALTHY, result)
    assert alerts[0] in {"certificate_required", "handshake_failure"}
    assert "asks for a client certificate: yes" in result.evidence[0].content


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refused_certificate_fails_with_the_alert(version: ssl.TLSVersion, tmp_path: Path) -> None:
    files = Shop(tmp_path).write(client=Authority.root("Other").issue("probe", usages=[CLIENT]))
    result = looked(files, tls_handler(server_context(files, version=version)))
    shows(fault("the server refuses the client certificate"), result)
    finding = found(result, "handshake.refused")
    assert finding.state is State.FAIL
    assert finding.measured["alert"].value == "unknown_ca"


def test_a_door_that_asks_nobody_is_open(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    result = looked(files, tls_handler(server_context(files, demands=False)))
    assert [one.code for one in result.findings].count("handshake.open_door") == 2
    shows(fault("the server asks nobody for a certificate"), result)
    assert result.state is State.FAIL


def test_a_door_that_asks_but_does_not_verify_is_open(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    context = server_context(files)
    context.verify_mode = ssl.CERT_OPTIONAL
    result = looked(files, tls_handler(context))
    opened = found(result, "handshake.open_door")
    assert "no client certificate" in opened.message
    assert "unknown_ca" in found(result, "handshake.guest_refused").message


def test_a_refusal_over_http_is_a_refusal(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    context = server_context(files)
    context.verify_mode = ssl.CERT_OPTIONAL

    def answer(session: ssl.SSLSocket) -> bytes:
        if session.getpeercert():
            return ANSWER
        return b"HTTP/1.1 400 No required SSL certificate was sent\r\nContent-Length: 0\r\n\r\n"

    result = looked(files, tls_handler(context, answer=answer))
    assert result.state is State.PASS
    assert any("over HTTP (400)" in one.message for one in result.findings)


def test_a_silent_refusal_is_a_refusal(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()

    def handle(connection: socket.socket) -> None:
        with server_context(files, demands=False).wrap_socket(connection, server_side=True):
            time.sleep(0.05)  # hangs up without a word, as some servers do

    assert found(looked(files, handle), "handshake.refused").measured == {}


def test_plain_tls_is_met_once(tmp_path: Path) -> None:
    files = replace(Shop(tmp_path).write(), client_certificate=None, client_key=None)
    result = looked(files, tls_handler(server_context(files, demands=False)))
    assert codes(result) == {"handshake.accepted"}
    assert "nothing else was tried" in result.leading.message


def test_plain_tls_that_demands_a_certificate_refuses(tmp_path: Path) -> None:
    files = replace(Shop(tmp_path).write(), client_certificate=None, client_key=None)
    finding = found(looked(files, tls_handler(server_context(files))), "handshake.refused")
    assert finding.measured["alert"].value == "certificate_required"


@pytest.mark.parametrize(
    ("issue", "code"),
    [
        ({"names": ["localhost"], "starts": -9, "days": 5}, "certificate_expired"),
        ({"names": ["localhost"], "starts": 5}, "certificate_not_yet_valid"),
        ({"names": ["elsewhere.test"]}, "name_mismatch"),
        ({"names": ["localhost"], "usages": [CLIENT]}, "wrong_purpose"),
    ],
)
def test_a_server_certificate_that_clients_refuse_has_its_code(
    issue: dict[str, object], code: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    server = shop.root.issue("shop", **{"usages": [SERVER], **issue})  # type: ignore[arg-type]
    files = shop.write(server=server)
    assert codes(looked(files, tls_handler(server_context(files)))) == {f"handshake.{code}"}


def test_a_server_certificate_of_another_ca_is_unknown(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=Authority.root("Other").issue(names=["localhost"], usages=[SERVER]))
    assert codes(looked(files, tls_handler(server_context(files, client_ca=files.ca)))) == {"handshake.unknown_ca"}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_version_is_a_warning(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    old = server_context(files, version=ssl.TLSVersion.TLSv1_1, ciphers="ALL:@SECLEVEL=0")
    assert found(looked(files, tls_handler(old)), "handshake.old_version").state is State.WARN


def test_a_weak_suite_is_a_warning(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    context = server_context(files, version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    finding = found(looked(files, tls_handler(context), suite_bits=256), "handshake.weak_suite")
    assert (finding.state, finding.measured["suite_bits"].value) == (State.WARN, 128)


def half_a_handshake(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"\x16\x03\x03\x00\x41\x02\x00\x00\x3d\x03\x03")  # the beginning of a ServerHello
    hanging(connection)


@pytest.mark.parametrize("handler", [hanging, half_a_handshake])
def test_a_server_that_never_finishes_is_the_finding(handler: Handler, tmp_path: Path) -> None:
    began = time.monotonic()
    result = looked(Shop(tmp_path).write(), handler)
    assert codes(result) == {"handshake.timeout"}
    shows(HANGING, result)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 5000])
def test_another_protocol_is_not_tls(data: bytes, tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    assert codes(looked(Shop(tmp_path).write(), handle)) == {"handshake.not_tls"}


def test_nobody_there_is_a_refused_connection(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    with serving(hanging) as port:
        pass
    endpoint = Endpoint(name="shop", service="till", url=f"https://localhost:{port}", tls="shop")
    result = look(SLUG, stack(tmp_path, tls={"shop": files}, endpoints={"shop": endpoint}))
    assert codes(result) == {"handshake.connect_refused"}
    shows(fault("nobody listens"), result)


def test_endless_words_before_the_answer_are_bounded(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()

    def handle(connection: socket.socket) -> None:
        with server_context(files).wrap_socket(connection, server_side=True) as session:
            while True:
                session.sendall(b"x" * 16384)

    assert codes(looked(files, handle)) == {"handshake.accepted", "handshake.guest_refused"}


def test_unusable_files_of_ours_are_named(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    files.ca.write_bytes(b"rubbish")
    assert codes(looked(files, hanging)) == {"handshake.files"}


def test_a_name_that_no_certificate_can_bear_is_no_crash(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    result = looked(files, hanging, host="." + "x" * 70)
    assert result.state in {State.FAIL, State.ERROR}
    assert "check.failed" not in codes(result)


def test_it_is_skipped_when_a_prerequisite_blocks() -> None:
    for blocker in check(SLUG).requires:
        progress = {SLUG: Progress.WAITING, blocker: Progress.BLOCKING}
        assert Step(SLUG, blocker) in next_steps(progress)


def test_a_stack_without_https_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}

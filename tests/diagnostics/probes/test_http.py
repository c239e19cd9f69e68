from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import pytest

from diagnostics.probes.http import Answer, RequestFailure, request
from diagnostics.probes.resolve import Address
from diagnostics.stack import Endpoint
from tests.diagnostics.checks.certificates import CLIENT, Authority, Shop
from tests.diagnostics.servers import Handler, hanging, server_context, serving, tls_handler


def ask(port: int, *, scheme: str = "http", method: str = "GET", seconds: float = 5.0, **more: object) -> Answer:
    endpoint = Endpoint(name="shop", service="till", url=f"{scheme}://localhost:{port}")
    return request(endpoint, more.pop("tls", None), method, "/health", total_seconds=seconds, **more)  # type: ignore[arg-type]


def replying(data: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return handle


def failure_of(handler: Handler, **more: object) -> RequestFailure:
    with serving(handler) as port, pytest.raises(RequestFailure) as caught:
        ask(port, **more)  # type: ignore[arg-type]
    return caught.value


def test_an_answer_has_status_headers_body_and_phases() -> None:
    reply = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 2\r\n\r\nok"
    with serving(replying(reply)) as port:
        answer = ask(port)
    assert (answer.status, answer.body, answer.truncated) == (200, b"ok", False)
    assert answer.headers["set-cookie"] == "a=1\nb=2"
    assert {"dns", "connect", "send", "wait", "receive", "total"} == set(answer.phases)
    assert sum(taken for name, taken in answer.phases.items() if name != "total") <= answer.phases["total"] + 1


def test_json_is_posted_with_its_type_and_length() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        while b"}" not in b"".join(seen):
            seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(handle) as port:
        assert ask(port, method="POST", json={"username": "probe"}).status == 204
    sent = b"".join(seen).lower()
    assert b"content-type: application/json" in sent
    assert sent.endswith(b'{"username": "probe"}')
    assert b"content-length: 21" in sent


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    reply = b"HTTP/1.1 302 Found\r\nLocation: http://localhost:1/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with serving(replying(reply)) as port:
        assert ask(port).status == 302


def test_an_endless_body_is_cut() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serving(handle) as port:
        answer = ask(port, max_body_bytes=1000)
    assert (len(answer.body), answer.truncated) == (1000, True)


def test_a_method_that_changes_things_is_refused() -> None:
    with pytest.raises(ValueError, match="not DELETE"):
        ask(1, method="DELETE")


def test_nobody_listening_is_refused() -> None:
    with serving(hanging) as port:
        pass
    with pytest.raises(RequestFailure) as caught:
        ask(port)
    assert (caught.value.code, caught.value.phase) == ("http.refused", "connect")


def test_a_name_without_address_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(RequestFailure) as caught:
        ask(80)
    assert (caught.value.code, caught.value.phase) == ("http.dns", "dns")


def test_a_resolver_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        time.sleep(1)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    endpoint = Endpoint(name="shop", service="till", url="http://shop.example")
    began = time.monotonic()
    with pytest.raises(RequestFailure) as caught:
        request(endpoint, None, "GET", "/health", total_seconds=5.0, connect_seconds=0.2)
    assert caught.value.code == "http.dns_timeout"
    assert time.monotonic() - began < 0.9


def test_a_full_backlog_is_a_timeout_of_the_connect_phase() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # until the kernel takes no more
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        endpoint = Endpoint(name="shop", service="till", url=f"http://127.0.0.1:{port}")
        with pytest.raises(RequestFailure) as caught:
            request(endpoint, None, "GET", "/", connect_seconds=0.3)
        for one in waiting:
            one.close()
    assert (caught.value.code, caught.value.phase) == ("http.timeout", "connect")


def test_silence_is_a_timeout_that_names_the_phase_and_its_time() -> None:
    failure = failure_of(hanging, seconds=0.4)
    assert (failure.code, failure.phase) == ("http.timeout", "wait")
    assert 300 < failure.phases["wait"] < 2000


def test_a_dripping_server_ends_at_the_total_deadline() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            connection.sendall(b"y")
            time.sleep(0.05)

    began = time.monotonic()
    assert failure_of(handle, seconds=0.5).code == "http.timeout"
    assert time.monotonic() - began < 2


def test_ten_megabytes_of_headers_are_not_read() -> None:
    assert failure_of(replying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000_000)).code == "http.garbage"


@pytest.mark.parametrize("data", [b"\x00\xffgarbage\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"-ERR unknown command\r\n"])
def test_another_protocol_is_garbage(data: bytes) -> None:
    assert failure_of(replying(data)).code == "http.garbage"


def test_a_closed_connection_is_closed_and_a_reset_is_reset() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert failure_of(lambda connection: connection.close()).code in {"http.closed", "http.reset"}
    assert failure_of(reset).code == "http.reset"


def test_a_header_with_a_line_break_is_refused_without_repeating_it() -> None:
    failure = failure_of(hanging, headers={"Authorization": "Bearer very\nsecret"})
    assert failure.code == "http.request_invalid"
    assert "secret" not in str(failure)


def test_the_client_certificate_is_shown(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    with serving(tls_handler(server_context(files))) as port:
        answer = ask(port, scheme="https", tls=files)
    assert answer.status == 200
    assert answer.phases["tls"] > 0


def test_tls_failures_have_their_own_codes(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sound = shop.write()
    assert failure_of(hanging, scheme="https", tls=sound, connect_seconds=0.3).code == "http.timeout"
    assert failure_of(replying(b"HTTP/1.1 400 Bad\r\n\r\n"), scheme="https", tls=sound).code == "http.tls_not_tls"
    expired = shop.write(server=shop.root.issue(names=["localhost"], starts=-3, days=2))
    assert failure_of(tls_handler(server_context(expired)), scheme="https", tls=expired).code == (
        "http.tls_certificate_expired"
    )
    other_name = shop.write(server=shop.root.issue(names=["elsewhere.test"]))
    assert failure_of(tls_handler(server_context(other_name)), scheme="https", tls=other_name).code == (
        "http.tls_name_mismatch"
    )
    stranger = shop.write(server=Authority.root("Other").issue(names=["localhost"]))
    assert failure_of(tls_handler(server_context(stranger)), scheme="https", tls=stranger).code == "http.tls_unknown_ca"


def test_a_certificate_file_that_is_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    import os

    files = Shop(tmp_path).write()
    assert files.client_certificate is not None
    files.client_certificate.unlink()
    os.mkfifo(files.client_certificate)
    assert failure_of(hanging, scheme="https", tls=files).code == "http.tls_files"


def test_an_encrypted_client_key_does_not_ask_a_terminal(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    client = shop.root.issue("probe", usages=[CLIENT])
    files = shop.write(client=client)
    assert files.client_key is not None
    files.client_key.write_bytes(client.key_pem(password=b"abcdef"))
    assert failure_of(hanging, scheme="https", tls=files).code == "http.tls_files"


def test_addresses_read_as_host_and_port() -> None:
    assert str(Address(socket.AF_INET6, ("::1", 80, 0, 0))) == "[::1]:80"
    assert str(Address(socket.AF_INET, ("127.0.0.1", 80))) == "127.0.0.1:80"

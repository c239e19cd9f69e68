"""Names are resolved within a deadline; what no name server is asked for is resolved at once."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from diagnostics.probes.errors import NameUnresolved
from diagnostics.probes.resolve import addresses


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Note which threads ask the system's resolver."""
    real, threads = socket.getaddrinfo, list[threading.Thread]()

    def note(*args: object, **more: object) -> object:
        threads.append(threading.current_thread())
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", note)
    return threads


@pytest.mark.parametrize(("host", "where"), [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")])
def test_numbers_are_taken_as_they_are(host: str, where: str, asked: list[threading.Thread]) -> None:
    assert [str(one) for one in addresses(host, 7, seconds=1)] == [where]
    assert asked == [threading.current_thread()]


def test_localhost_is_asked_of_no_name_server(asked: list[threading.Thread]) -> None:
    assert {str(one) for one in addresses("localhost", 7, seconds=1)} <= {"127.0.0.1:7", "[::1]:7"}
    assert asked == [threading.current_thread()]


def test_a_resolver_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ends.wait(20) and [])
    began = time.monotonic()
    try:
        with pytest.raises(NameUnresolved) as refused:
            addresses("api.example", 7, seconds=0.2)
    finally:
        ends.set()
    assert refused.value.code == "dns_timeout"
    assert time.monotonic() - began < 10


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(NameUnresolved) as refused:
        addresses(f"{'a' * 70}.example", 7, seconds=5)
    assert refused.value.code == "dns"

"""The probe of Redis against a real server, and against servers that are none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from diagnostics.probes.redis import Limits, RedisFailure, connected, info
from diagnostics.stack import Queue
from tests.diagnostics.brokers import Broker, running_broker
from tests.diagnostics.servers import Handler, hanging, serving


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


def ask(queue: Queue, password: str | None, *, seconds: float = 1.0, max_bytes: int = 100_000) -> str:
    """Give the server's role, or the code of the failure."""
    limits = Limits(connect_seconds=seconds, ends_at=time.monotonic() + seconds, max_bytes=max_bytes)
    try:
        with connected(queue, password=password, limits=limits) as client:
            client.ping()
            return str((info(client) or {}).get("role"))
    except RedisFailure as failure:
        return f"{failure.code}, and tells the password" if password and password in failure.text else failure.code


def ask_fake(handler: Handler, *, password: str | None = "pw-of-nobody") -> str:
    with serving(handler) as port:
        return ask(Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port), password)


def test_right_credentials_are_answered(broker: Broker) -> None:
    assert ask(broker.queue(), broker.password) == "master"


@pytest.mark.parametrize("password", ["not-the-password", None])
def test_wrong_or_missing_password_is_told_apart_from_a_dead_server(broker: Broker, password: str | None) -> None:
    assert ask(broker.queue(), password) == "redis.auth"


def test_a_database_that_is_not_there_is_named(broker: Broker) -> None:
    assert ask(broker.queue(database=99), broker.password) == "redis.no_database"


def test_nobody_listening_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    began = time.monotonic()
    assert ask(Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port), None) == "redis.refused"
    assert time.monotonic() - began < 0.8  # redis-py's own retries took 4.6 s


def test_an_unknown_name_is_a_dns_failure() -> None:
    queue = Queue(service="q", adapter="redis-list", host="nowhere.invalid", port=6379)
    assert ask(queue, None, seconds=3.0) in {"redis.dns", "redis.dns_timeout"}


def test_an_account_without_the_right_to_info_gives_none(broker: Broker) -> None:
    broker.client().acl_setuser("narrow", enabled=True, passwords="+narrow-password", commands=["+ping", "+select"])
    assert ask(broker.queue(user="narrow"), "narrow-password") == "None"


def drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"+")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"$99999999999\r\n")
    while True:
        connection.sendall(b"a" * 65536)


def says(answer: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)
        hanging(connection)

    return handle


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (hanging, "redis.timeout"),
        (drip, "redis.timeout"),
        (flood, "redis.too_much"),
        (lambda connection: None, "redis.closed"),
        (says(b"\x15\x03\x01\x00\x02\x02\x46"), "redis.tls"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "redis.protocol"),
        (says(b"\xff\xfe\x00garbage"), "redis.protocol"),
        (says(b"*1\r\n" * 20_000), "redis.protocol"),
        (says(b":not a number\r\n"), "redis.protocol"),
        (says(b"-LOADING Redis is loading the dataset in memory\r\n"), "redis.loading"),
        (says(b"-ERR max number of clients reached\r\n"), "redis.max_clients"),
        (says(b"-DENIED Redis is running in protected mode\r\n"), "redis.not_permitted"),
        (says(b"-ERR something new\r\n"), "redis.other"),
    ],
)
def test_hostile_and_refusing_servers_have_their_codes_and_end_in_time(handler: Handler, code: str) -> None:
    began = time.monotonic()
    assert ask_fake(handler) == code
    assert time.monotonic() - began < 3


def test_the_socket_is_closed_afterwards(broker: Broker) -> None:
    before = len(broker.client().client_list())
    ask(broker.queue(), broker.password)
    assert len(broker.client().client_list()) == before

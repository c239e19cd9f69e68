"""The embedded Valkey: password, loopback, nothing evicted, and its data after it was killed."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.valkey import ValkeyServer
from tests.local.conftest import wait_for


@pytest.fixture
def server(folder: Path) -> ValkeyServer:
    return ValkeyServer.at(folder / "valkey", port=take_port(folder / "ports.json", "valkey"))


@pytest.fixture
def running(server: ValkeyServer) -> Iterator[Alone]:
    alone = server.alone().start()
    yield alone
    alone.stop()


@pytest.mark.usefixtures("running")
def test_a_client_without_the_password_is_refused(server: ValkeyServer) -> None:
    for command, refusal in {
        b"PING": b"-NOAUTH",
        b"AUTH wrong": b"-WRONGPASS",
        b"AUTH default ''": b"-WRONGPASS",
    }.items():
        with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
            connection.sendall(command + b"\r\n")
            assert connection.recv(100).startswith(refusal)


@pytest.mark.usefixtures("running")
def test_it_keeps_everything_and_listens_on_loopback(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.url()) as client:
        for name, value in {"maxmemory-policy": "noeviction", "appendonly": "yes", "bind": "127.0.0.1"}.items():
            assert client.config_get(name) == {name: value}


def test_the_password_is_in_private_files_only(server: ValkeyServer, running: Alone) -> None:
    password = (server.home / "password").read_text()
    assert password in server.url()
    assert password not in Path(f"/proc/{running.pid}/cmdline").read_text()
    assert password.encode() not in Path(f"/proc/{running.pid}/environ").read_bytes()
    assert password not in repr(server)
    for name in ("password", "valkey.conf"):
        assert (server.home / name).stat().st_mode & 0o777 == 0o600


def test_data_survive_a_killed_server(server: ValkeyServer, running: Alone) -> None:
    with redis.Redis.from_url(server.url()) as client:
        client.set("kept", "yes")
        client.config_set("appendfsync", "always")
        client.rpush("jobs", "one", "two")
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: not server.is_ready())
    again = server.alone().start()
    try:
        with redis.Redis.from_url(server.url(), decode_responses=True) as client:
            assert client.get("kept") == "yes"
            assert client.lrange("jobs", 0, -1) == ["one", "two"]
    finally:
        again.stop()


def test_it_is_not_ready_before_it_runs(server: ValkeyServer) -> None:
    server.prepare()
    assert not server.is_ready()

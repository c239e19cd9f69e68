"""Redis as a check sees it: real servers in the states that matter, dead and hostile ones, secrets that go nowhere."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Queue, SecretReference
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker, wait_until
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "database.redis"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.database.redis.TOTAL_SECONDS", 1.5)


@pytest.fixture(scope="module")
def server() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def broker(server: Broker) -> Broker:
    for name, value in {"maxmemory": "256mb", "maxmemory-policy": "noeviction", "maxclients": "1000"}.items():
        server.client().config_set(name, value)
    server.client().flushall()
    return server


def look(broker: Broker, *, limits: dict[str, float] | None = None, **queue: Any) -> Result:
    config = looks.stack(broker.root, queue=broker.queue(**queue), thresholds={SLUG: limits or {}})
    result = looks.look(SLUG, config)
    assert broker.password not in repr(result)
    return result


def test_a_healthy_server_passes_with_its_figures_as_evidence(broker: Broker) -> None:
    result = look(broker)
    assert (result.state, [one.code for one in result.findings]) == (State.PASS, ["redis.answered"])
    assert "role: master" in result.evidence[0].content
    assert not result.is_blocking
    shows(HEALTHY, result)


def test_a_wrong_password_is_refused_and_blocks(broker: Broker) -> None:
    (broker.root / "wrong").write_text("not-the-password-at-all")
    result = look(broker, password=SecretReference("file", "wrong"))
    assert (result.state, result.leading.code) == (State.FAIL, "redis.auth")
    assert result.is_blocking
    assert "not-the-password" not in repr(result)
    shows(fault("wrong password"), result)


def test_a_stopped_server_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    queue = Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port)
    result = looks.look(SLUG, looks.stack(tmp_path, queue=queue))
    assert (result.state, result.leading.code) == (State.FAIL, "redis.refused")
    assert result.leading.citations
    shows(fault("nobody listens"), result)


def test_a_server_that_accepts_and_never_answers_times_out(tmp_path: Path) -> None:
    with serving(hanging) as port:
        queue = Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port)
        began = time.monotonic()
        result = looks.look(SLUG, looks.stack(tmp_path, queue=queue))
    assert (result.state, result.leading.code) == (State.FAIL, "redis.timeout")
    assert time.monotonic() - began < 3
    shows(HANGING, result)


def test_a_frozen_server_times_out() -> None:
    with running_broker() as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        assert look(frozen).leading.code == "redis.timeout"


def test_a_secret_that_cannot_be_read_is_an_error(broker: Broker) -> None:
    result = look(broker, password=SecretReference("env", "NO_SUCH_VARIABLE_ANYWHERE"))
    assert (result.state, result.leading.code) == (State.ERROR, "secret_unavailable")


def test_a_replica_fails(broker: Broker) -> None:
    broker.client().replicaof("127.0.0.1", 9)
    try:
        result = look(broker)
        assert looks.found(result, "redis.replica").state is State.FAIL
        shows(fault("a replica"), result)
    finally:
        broker.client().replicaof("NO", "ONE")


def fill(client: Any) -> int:
    """Fill in small pieces, since a large one leaves a large buffer that is given back later; give the bytes used."""
    for number in range(400):
        client.set(f"ballast:{number}", "x" * 50_000)
    return int(client.info("memory")["used_memory"])


def test_full_memory_warns_then_fails_but_not_where_keys_are_evicted(broker: Broker) -> None:
    client = broker.client()
    used = fill(client)
    for share, policy, state in (
        (0.85, "noeviction", State.WARN),
        (0.97, "noeviction", State.FAIL),
        (0.97, "allkeys-lru", State.WARN),
    ):
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", int(used / share))
        result = look(broker)
        shows(fault(f"{100 * share:.0f} % of the memory used, {policy}"), result)
        finding = looks.found(result, "redis.memory")
        assert finding.state is state
        assert finding.threshold is not None
        assert finding.threshold.reference == "ours"
        assert not finding.blocks


def test_the_thresholds_of_the_stack_are_kept(broker: Broker) -> None:
    client = broker.client()
    client.config_set("maxmemory", fill(client) * 2)
    assert look(broker).state is State.PASS
    finding = looks.found(look(broker, limits={"memory_percent": 40}), "redis.memory")
    assert finding.threshold is not None
    assert finding.threshold.source == "config"


def test_many_clients_warn(broker: Broker) -> None:
    client = broker.client()
    client.config_set("maxclients", 10)
    sockets = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(7)]
    try:
        wait_until(lambda: int(client.info("clients")["connected_clients"]) >= 8)
        assert looks.found(look(broker), "redis.clients").state in {State.WARN, State.FAIL}
    finally:
        for one in sockets:
            one.close()


def test_settings_that_endanger_a_queue_warn(broker: Broker) -> None:
    broker.client().config_set("maxmemory-policy", "allkeys-lru")
    evicting = look(broker)
    assert looks.found(evicting, "redis.evicting_policy").state is State.WARN
    shows(fault("keys are evicted when full"), evicting)
    broker.client().config_set("maxmemory", 0)
    unlimited = look(broker)
    assert looks.found(unlimited, "redis.no_maxmemory").state is State.WARN
    shows(fault("no maxmemory"), unlimited)


def test_an_account_without_info_warns_and_says_what_is_not_known(broker: Broker) -> None:
    password, commands = f"+{broker.password}", ["+ping", "+select"]
    broker.client().acl_setuser("narrow", enabled=True, passwords=password, commands=commands)
    result = look(broker, user="narrow")
    assert (result.state, result.leading.code) == (State.WARN, "redis.info_not_permitted")


def test_a_stack_without_a_queue_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"


INFO = "\r\n".join(
    [
        "role:master",
        "loading:0",
        "maxmemory:100",
        "maxmemory_policy:noeviction",
        "used_memory:1",
        "rdb_last_bgsave_status:{save}",
        "aof_enabled:1",
        "aof_last_write_status:{append}",
    ]
)


@pytest.mark.parametrize(
    ("changed", "code", "state"),
    [
        ({"save": "err"}, "redis.save_failed", State.FAIL),
        ({"append": "err"}, "redis.append_failed", State.FAIL),
        ({}, "redis.answered", State.PASS),
    ],
)
def test_what_the_server_says_of_its_disk_counts(
    tmp_path: Path, changed: dict[str, str], code: str, state: State
) -> None:
    """States that a real server reaches only with a full disk: spoken over a real socket."""
    told = INFO.format(**{"save": "ok", "append": "ok"} | changed).encode()

    def speak(connection: socket.socket) -> None:
        while request := connection.recv(1000):
            is_info = b"INFO" in request
            connection.sendall(b"$%d\r\n%s\r\n" % (len(told), told) if is_info else b"+PONG\r\n")

    with serving(speak) as port:
        queue = Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port)
        result = looks.look(SLUG, looks.stack(tmp_path, queue=queue))
    assert (result.state, result.leading.code) == (state, code)

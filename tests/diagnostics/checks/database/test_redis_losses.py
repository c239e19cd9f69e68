"""A real server that evicts keys or rejects connections while it is watched."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from diagnostics.checks.registry import check
from diagnostics.checks.result import Result, State
from diagnostics.looking.plan import Progress, Step, next_steps
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows

SLUG = "database.redis_losses"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


def look(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, *, meanwhile: Callable[[], object] = lambda: None, **queue: Any
) -> Result:
    """Look at a server to which something happens between the two samples."""
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: meanwhile())
    monkeypatch.setattr("diagnostics.checks.database.redis_losses.time", clock)
    monkeypatch.setattr("diagnostics.checks.database.redis_losses.TOTAL_SECONDS", 3.0)
    result = looks.look(SLUG, looks.stack(broker.root, queue=broker.queue(**queue)))
    assert broker.password not in repr(result)
    return result


def test_a_server_that_loses_nothing_is_steady(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    result = look(broker, monkeypatch, meanwhile=lambda: broker.client().set("a", "b"))
    assert (result.state, result.leading.code) == (State.PASS, "redis.steady")
    assert result.evidence[0].content == "rejected_connections: 0 -> 0\nevicted_keys: 0 -> 0"
    shows(HEALTHY, result)


def test_keys_that_are_evicted_while_it_is_watched_warn(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    client = broker.client()
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 2_000_000)

    def fill() -> None:
        for number in range(200):
            client.set(f"ballast:{number}", "x" * 50_000)

    result = look(broker, monkeypatch, meanwhile=fill)
    finding = looks.found(result, "redis.evicting")
    assert finding.state is State.WARN
    assert float(str(finding.measured["evicted_keys"].value)) > 0
    shows(fault("keys are evicted"), result)


def test_connections_that_are_rejected_while_it_is_watched_fail_and_block_nothing(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.client().config_set("maxclients", 10)

    def crowd() -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", broker.port)))
                one.settimeout(0.05)
                with contextlib.suppress(OSError):
                    one.recv(100)  # the server says why, to whom it rejects

    result = look(broker, monkeypatch, meanwhile=crowd)
    finding = looks.found(result, "redis.rejecting")
    assert finding.state is State.FAIL
    assert not result.is_blocking
    shows(fault("connections are rejected"), result)


def test_what_was_lost_before_is_history(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    test_keys_that_are_evicted_while_it_is_watched_warn(broker, monkeypatch)
    assert look(broker, monkeypatch).leading.code == "redis.steady"


def test_a_server_that_hangs_since_it_answered_is_an_error(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    result = look(broker, monkeypatch, meanwhile=lambda: os.kill(broker.pid, signal.SIGSTOP))
    assert (result.state, result.leading.code) == (State.ERROR, "redis.timeout")
    shows(HANGING, result)


def test_an_account_without_info_is_the_finding_of_the_other_check(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    password, commands = f"+{broker.password}", ["+ping", "+select"]
    broker.client().acl_setuser("narrow", enabled=True, passwords=password, commands=commands)
    assert look(broker, monkeypatch, user="narrow").leading.code == "redis.info_not_permitted"


def test_it_waits_for_an_answer_and_nobody_waits_for_it() -> None:
    assert next_steps({"database.redis": Progress.BLOCKING, SLUG: Progress.WAITING}) == [Step(SLUG, "database.redis")]
    assert SLUG not in check("auth.health_endpoint").requires


def test_a_stack_without_a_queue_has_nothing_to_watch(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"

"""The broker as the application reaches it: both ways of speaking to it, and what the services themselves have."""

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
from diagnostics.stack import BrokerUrl, Queue, SecretReference
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker, running_worker, services
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.broker"
ADAPTERS = ("redis-list", "celery")
URLS = (BrokerUrl(service="postman", environment_variable="BROKER"),)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


def look(broker: Broker, **queue: Any) -> Result:
    config = looks.stack(broker.root, services=services(broker.root), queue=broker.queue(**queue))
    result = looks.look(SLUG, config)
    assert broker.password not in repr(result)
    return result


def look_as_worker(broker: Broker, url: str, *, adapter: str = "redis-list") -> Result:
    with running_worker(broker.root, environment={"BROKER": url}):
        return look(broker, adapter=adapter, urls=URLS)


def url_of(broker: Broker, *, database: int = 0) -> str:
    return f"redis://:{broker.password}@localhost:{broker.port}/{database}"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_broker_that_answers_passes(broker: Broker, adapter: str) -> None:
    result = look_as_worker(broker, url_of(broker), adapter=adapter)
    shows(HEALTHY, result)
    assert [one.code for one in result.findings] == ["broker.reached"] * 2
    assert "run_id " in result.evidence[0].content


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_nobody_at_the_port_is_refused_at_once(adapter: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    queue = Queue(service="q", adapter=adapter, host="127.0.0.1", port=port)
    began = time.monotonic()
    result = looks.look(SLUG, looks.stack(Path("/"), queue=queue))
    shows(fault("the broker is stopped"), result)
    assert (result.state, result.leading.code) == (State.FAIL, "broker.refused")
    assert result.is_blocking
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_wrong_password_is_refused(broker: Broker, adapter: str) -> None:
    (broker.root / "wrong").write_text("not-the-password-at-all")
    result = look(broker, adapter=adapter, password=SecretReference("file", "wrong"))
    shows(fault("the broker refuses the password"), result)
    assert (result.state, result.leading.code) == (State.FAIL, "broker.auth")
    assert "not-the-password" not in repr(result)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_broker_that_never_answers_times_out(adapter: str) -> None:
    with serving(hanging) as port:
        queue = Queue(service="q", adapter=adapter, host="127.0.0.1", port=port)
        began = time.monotonic()
        result = looks.look(SLUG, looks.stack(Path("/"), queue=queue, thresholds={SLUG: {"connect_seconds": 1.0}}))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.FAIL, "broker.timeout")
    assert time.monotonic() - began < 4


def test_a_frozen_broker_times_out() -> None:
    with running_broker() as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        assert look(frozen).leading.code == "broker.timeout"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_worker_with_an_old_password_is_named(broker: Broker, adapter: str) -> None:
    result = look_as_worker(broker, f"redis://:an-old-password@127.0.0.1:{broker.port}/0", adapter=adapter)
    shows(fault("the worker has an old password for the broker"), result)
    finding = looks.found(result, "broker.auth")
    assert finding.target == "postman"
    assert "an-old-password" not in repr(result)


def test_a_worker_that_waits_in_another_database_is_found(broker: Broker) -> None:
    result = look_as_worker(broker, url_of(broker, database=3))
    shows(fault("the worker waits in another database"), result)
    finding = looks.found(result, "broker.elsewhere")
    assert finding.state is State.FAIL
    assert "another database" in finding.message
    assert result.is_blocking


def test_a_worker_that_waits_at_another_server_is_found(broker: Broker) -> None:
    with running_broker() as other:
        finding = looks.found(look_as_worker(broker, url_of(other)), "broker.elsewhere")
    assert f"localhost:{other.port}/0" in finding.message


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "sentinel://box:26379/0", "redis://[::1", "redis://b/x"])
def test_urls_of_other_kinds_are_left_alone_and_not_shown(broker: Broker, url: str) -> None:
    result = look_as_worker(broker, url)
    assert looks.found(result, "broker.url").state is State.SKIP
    assert "redis.sock" not in repr(result)
    assert not result.is_blocking


def test_rabbitmq_is_asked_by_kombu(broker: Broker) -> None:
    """Nobody listens there: what matters is that kombu takes the URL, and that the password stays out."""
    result = look_as_worker(broker, "amqp://agent:an-old-password@127.0.0.1:1/shop", adapter="celery")
    assert looks.found(result, "broker.refused").message.startswith("127.0.0.1:1/shop is not reached as postman does")
    assert "an-old-password" not in repr(result)


def test_a_variable_that_is_not_there_is_an_error(broker: Broker) -> None:
    with running_worker(broker.root):
        assert looks.found(look(broker, urls=URLS), "broker.url_unknown").state is State.ERROR


def test_a_worker_that_does_not_run_is_left_to_others(broker: Broker) -> None:
    (broker.root / "postman.pid").unlink(missing_ok=True)
    result = look(broker, urls=URLS)
    assert looks.found(result, "broker.no_process").state is State.SKIP
    assert not result.is_blocking


def test_a_stack_without_a_queue_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"

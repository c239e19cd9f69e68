"""Looks in processes of their own: hung ones are killed, crashed ones told, and none is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from diagnostics import bounded
from diagnostics.checks.database.redis import RedisAnswers
from diagnostics.checks.result import State
from diagnostics.looking import (
    CAPTURES,
    Captured,
    CaptureRequest,
    LookRequest,
    capture_in_process,
    look_in_process,
    warm_up,
)
from diagnostics.looking.look import Look
from diagnostics.stack import Logs, Queue, Service, StackConfig
from tests.diagnostics import looks
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.servers import hanging, serving

SECRET = "a-handed-over-secret-value"


@pytest.fixture(autouse=True)
def warm() -> None:
    warm_up()


@pytest.fixture
def silent_redis(tmp_path: Path) -> Iterator[StackConfig]:
    with serving(hanging) as port:
        queue = Queue(service="q", adapter="redis-list", host="127.0.0.1", port=port)
        yield looks.stack(tmp_path, queue=queue)


def request(config: StackConfig, slug: str = "database.redis") -> LookRequest:
    return LookRequest(slug=slug, stack=config, redaction_key=looks.KEY, handed={"auth.token": SECRET})


def lookers() -> list[psutil.Process]:
    """Give the processes that look now: the children of the fork server."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return [one for one in psutil.Process(server).children() if one.status() != psutil.STATUS_ZOMBIE]


class Looking:
    """A look under way in a thread, as an engine does it."""

    def __init__(self, config: StackConfig) -> None:
        self._looks: list[Look] = []
        self._thread = threading.Thread(target=lambda: self._looks.append(look_in_process(request(config))))
        self._thread.start()
        wait_until(lookers)

    def signal(self, number: signal.Signals) -> None:
        (child,) = lookers()
        os.kill(child.pid, number)

    def end(self) -> Look:
        self._thread.join(15)
        (look,) = self._looks
        return look


def test_a_look_that_hangs_is_killed_at_its_deadline(
    silent_redis: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedisAnswers, "deadline_seconds", 1.0)
    began = time.monotonic()
    looking = Looking(silent_redis)
    looking.signal(signal.SIGSTOP)  # deaf to everything but SIGKILL, as a thread in a resolver is
    result = looking.end().result
    assert (result.state, result.leading.code) == (State.ERROR, "deadline")
    assert "1 s" in result.leading.message
    assert time.monotonic() - began < 4
    assert not lookers()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_look_whose_process_crashes_is_told_apart_from_one_that_hangs(
    silent_redis: StackConfig, number: signal.Signals
) -> None:
    began = time.monotonic()
    looking = Looking(silent_redis)
    looking.signal(number)
    result = looking.end().result
    assert (result.state, result.leading.code) == (State.ERROR, "look.lost")
    assert f"exit -{number.value}" in result.leading.message
    assert time.monotonic() - began < 4
    assert not lookers()


def test_a_big_result_comes_through_the_pipe_whole(tmp_path: Path) -> None:
    line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} ERROR api: something went wrong in a long line " + "x" * 400
    (tmp_path / "api.log").write_text("\n".join([line] * 12_000))
    services = {"api": Service(name="api", role="api", log_files=(tmp_path / "api.log",))}
    config = looks.stack(tmp_path, services=services, logs=Logs(window_minutes=1440, max_bytes_per_service=8_000_000))
    look = look_in_process(request(config, "startup.logs"))
    assert look.result.state is not State.ERROR, look.result.leading.message
    assert sum(len(one.content) for one in look.result.evidence) > 1_000_000
    assert not lookers()


def test_looks_side_by_side_do_not_wait_for_each_other(
    silent_redis: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedisAnswers, "deadline_seconds", 1.0)
    began = time.monotonic()
    looking = [threading.Thread(target=look_in_process, args=(request(silent_redis),)) for _ in range(4)]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join(20)
    assert time.monotonic() - began < 4  # one after the other they take six
    assert not lookers()


def test_the_request_shows_no_secret_when_printed(tmp_path: Path) -> None:
    config = looks.stack(tmp_path)
    shown = repr(
        LookRequest(slug="database.redis", stack=config, redaction_key=b"key-key", stored_secrets={"a": SECRET})
    )
    assert SECRET not in shown
    assert "key-key" not in shown
    assert SECRET in repr(pickle.dumps(request(config))), "it crosses the process boundary all the same"


def test_a_killed_fork_server_costs_no_look(tmp_path: Path) -> None:
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(server, signal.SIGKILL)
    look = look_in_process(request(looks.stack(tmp_path), "startup.port_conflict"))
    assert look.result.state is not State.ERROR, look.result.leading.message
    assert forkserver._forkserver._forkserver_pid != server  # type: ignore[attr-defined]


@pytest.fixture
def slow_capture(tmp_path: Path) -> Iterator[CaptureRequest]:
    stack = replace(looks.stack(tmp_path), vantage="container")
    with looks.instead_of_docker(tmp_path, "exec sleep 30"):
        yield CaptureRequest("docker_compose_version", stack, datetime.now(UTC), looks.KEY)


def test_a_capture_that_is_late_is_killed_and_says_so(
    slow_capture: CaptureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = CAPTURES["docker_compose_version"]
    monkeypatch.setitem(CAPTURES, "docker_compose_version", one._replace(seconds=0.3))
    captured = capture_in_process(slow_capture)
    assert (captured.text, captured.reason) == ("", "no answer within 0.3 s; the capture was stopped")
    wait_until(lambda: not lookers())


def test_a_capture_whose_process_dies_says_so(slow_capture: CaptureRequest) -> None:
    found: list[Captured] = []
    thread = threading.Thread(target=lambda: found.append(capture_in_process(slow_capture)))
    thread.start()
    wait_until(lookers)
    for one in lookers():
        one.kill()
    thread.join()
    assert found[0].reason == "the process that captured it ended early (exit -9)"
    assert found[0].source == CAPTURES["docker_compose_version"].source


def test_whoever_looks_is_not_interrupted_by_what_interrupts_the_one_who_waits() -> None:
    asked = bounded.call(signal.getsignal, signal.SIGINT, limits=bounded.Limits(seconds=10, memory_bytes=2**32))
    assert asked.answer == signal.SIG_IGN

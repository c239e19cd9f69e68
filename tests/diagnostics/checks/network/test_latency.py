from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.probes.connecting import Attempt, connect_once
from diagnostics.probes.resolve import Address
from diagnostics.stack import Queue
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import KEY, codes, look, stack
from tests.diagnostics.servers import full_backlog, full_listener, hanging, serving

SLUG = "network.latency"
NOTHING = Baseline()


def looked(folder: Path, port: int, *, host: str = "127.0.0.1", baseline: Baseline = NOTHING) -> Result:
    queue = Queue(service="box", adapter="redis-list", host=host, port=port)
    return look(SLUG, stack(folder, queue=queue), baseline=baseline)


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


@contextlib.contextmanager
def slow_door(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Let the first connection wait: the backlog is full until after it began.

    The kernel tries a dropped SYN again after a second, so that the connection takes that long.
    """
    begun, ended = threading.Event(), threading.Event()

    def connect(found: list[Address], *, seconds: float) -> Attempt:
        begun.set()
        return connect_once(found, seconds=seconds)

    def take(listener: socket.socket) -> None:
        begun.wait()
        time.sleep(0.6)
        listener.settimeout(0.1)
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()

    with full_listener() as listener:
        monkeypatch.setattr("diagnostics.checks.network.latency.connect_once", connect)
        thread = threading.Thread(target=take, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            begun.set()
            ended.set()
            thread.join()


def test_quick_connections_pass_and_are_learned(tmp_path: Path) -> None:
    with serving(hanging) as port:
        queue = Queue(service="box", adapter="redis-list", host="127.0.0.1", port=port)
        seen = take_look(LookRequest(slug=SLUG, stack=stack(tmp_path, queue=queue), redaction_key=KEY))
    finding = only(seen.result)
    assert (finding.state, finding.code) == (State.PASS, "latency.usual")
    assert seen.result.evidence[0].content.count(" ms  accepted") == 5
    assert seen.learning == {f"127.0.0.1:{port}": finding.measured["p95"].value}
    shows(HEALTHY, seen.result)


def test_a_connection_that_takes_a_second_is_far_above_what_is_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_door(monkeypatch) as port:
        usual = Baseline({f"127.0.0.1:{port}": [0.2] * 9})
        result = looked(tmp_path, port, baseline=usual)
    finding = only(result)
    assert (finding.state, finding.code) == (State.WARN, "latency.high")
    assert finding.threshold is not None
    assert (finding.threshold.source, finding.threshold.value) == ("baseline", 50.0)
    shows(fault("connections take a second"), result)


def test_a_limit_of_three_times_what_is_usual_and_of_the_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "diagnostics.checks.network.latency.connect_once", lambda *_, **__: Attempt("", "accepted", 100.0)
    )
    for usual, code in ((30.0, "latency.high"), (40.0, "latency.usual")):
        assert only(looked(tmp_path, 1, baseline=Baseline({"127.0.0.1:1": [usual] * 9}))).code == code
    queue = Queue(service="box", adapter="redis-list", host="127.0.0.1", port=1)
    config = stack(tmp_path, queue=queue, thresholds={SLUG: {"p95_ms": 99}})
    assert only(look(SLUG, config)).code == "latency.high"


def test_lost_connections_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = iter([Attempt("", "accepted", 1.0), Attempt("timeout", "no", 2000.0)] + [Attempt("", "a", 1.0)] * 3)
    monkeypatch.setattr("diagnostics.checks.network.latency.connect_once", lambda *_, **__: next(attempts))
    finding = only(looked(tmp_path, 1))
    assert (finding.state, finding.code, finding.measured["failed"].value) == (State.WARN, "latency.lossy", 1)


def test_a_door_that_takes_nobody_is_another_check_s_finding_and_comes_in_time(tmp_path: Path) -> None:
    with full_backlog() as port:
        began = time.monotonic()
        result = looked(tmp_path, port)
    assert time.monotonic() - began < 6
    assert (only(result).state, only(result).code) == (State.SKIP, "latency.no_connection")
    shows(HANGING, result)


def test_nobody_listening_and_unknown_names_are_skipped(tmp_path: Path) -> None:
    with serving(hanging) as port:
        pass
    assert only(looked(tmp_path, port)).code == "latency.no_connection"
    assert only(looked(tmp_path, port, host="box.invalid")).code == "latency.no_connection"


def test_a_stack_that_nobody_connects_to_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint, Service
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found
from tests.diagnostics.servers import Handler, hanging, serving

SLUG = "performance.api_latency"


def answering(*statuses: int, seconds: float = 0.0) -> Handler:
    """Answer one request after the other with these statuses, the last one for ever."""
    coming, lock = list(statuses), threading.Lock()

    def handle(connection: socket.socket) -> None:
        if not connection.recv(65536):
            return
        with lock:
            status = coming.pop(0) if len(coming) > 1 else coming[0]
        time.sleep(seconds)
        if status:
            connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" % status)

    return handle


def looked(folder: Path, port: int, *logs: Path, **more: Any) -> Result:
    endpoint = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}", health_path="/up")
    shop = Service(name="shop", role="api", log_files=logs)
    config = looks.stack(
        folder, services={"shop": shop}, endpoints={"till": endpoint}, thresholds={SLUG: more.pop("limits", {})}
    )
    return looks.look(SLUG, config, **more)


Parts = Callable[[], list[str]]  # written when a test runs: a long session collects its tests minutes before


def lines(count: int, status: int, *, minutes_ago: float = 0.1, path: str = "/orders", spent: str = "3ms") -> str:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return f'{at:%Y-%m-%dT%H:%M:%SZ} 10.0.0.7 "POST {path}" {status} {spent} request_id=r-4711\n' * count


def logged(folder: Path, *parts: str, **more: Any) -> Result:
    (folder / "shop.log").write_text("".join(parts))
    with serving(answering(200)) as port:
        return looked(folder, port, folder / "shop.log", **more)


def test_ten_quick_answers_pass(tmp_path: Path) -> None:
    result = logged(tmp_path, "INFO started\n", lines(30, 200), lines(2, 500))
    shows(HEALTHY, result)
    finding = found(result, "api.quick")
    assert finding.measured["answered"].value == 10
    assert result.evidence[0].content.count("200 in") == 10
    assert "up to 10 ms: 32 requests" in result.evidence[1].content


def test_an_api_that_became_slow_warns_by_what_is_usual(tmp_path: Path) -> None:
    with serving(answering(200, seconds=0.12)) as port:
        assert codes(looked(tmp_path, port)) == {"api.quick"}
        result = looked(tmp_path, port, baseline=Baseline({"till p95": [4.0, 5.0, 4.0, 6.0, 5.0]}))
    shows(fault("the api became slow"), result)
    finding = found(result, "api.slow")
    assert finding.state is State.WARN
    assert finding.threshold is not None
    assert (finding.threshold.value, finding.threshold.source) == (50, "baseline")


def test_some_answers_that_fail_are_unsteady(tmp_path: Path) -> None:
    with serving(answering(200, 503, 200, 0, 200)) as port:
        result = looked(tmp_path, port)
    shows(fault("the api fails now and then"), result)
    assert "2 of 10 requests" in found(result, "api.unsteady").message


def test_an_api_that_always_says_no_is_left_to_its_own_check(tmp_path: Path) -> None:
    with serving(answering(503)) as port:
        assert codes(looked(tmp_path, port)) == {"api.quick"}


def test_an_api_that_never_answers_times_out_and_is_not_asked_ten_times(tmp_path: Path) -> None:
    began = time.monotonic()
    with serving(hanging) as port:
        result = looked(tmp_path, port, limits={"request_seconds": 0.5})
    shows(HANGING, result)
    finding = found(result, "api.timeout")
    assert (finding.state, finding.measured["asked"].value) == (State.FAIL, 3)
    assert time.monotonic() - began < 4


def test_nobody_at_the_port_is_left_to_its_own_check(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert found(looked(tmp_path, port), "api.no_answer").state is State.SKIP


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        (lambda: [lines(95, 200), lines(5, 502)], State.FAIL),
        (lambda: [lines(200, 200), lines(4, 502)], State.WARN),
        (lambda: [lines(60, 502, minutes_ago=3), lines(40, 200)], State.WARN),  # it is over
        (lambda: [lines(10, 200), lines(5, 502)], State.WARN),  # too few to be sure
    ],
)
def test_server_errors_in_the_access_log(tmp_path: Path, parts: Parts, state: State) -> None:
    result = logged(tmp_path, *parts())
    finding = found(result, "api.server_errors")
    if state is State.FAIL:
        shows(fault("a burst of 5xx"), result)
        assert "5 of 100 requests ended with 5xx (5.0 %)" in finding.message
        assert "5xx, line 96: " in result.evidence[1].content
        assert "r-4711" in result.evidence[1].content
    assert finding.state is state
    assert not result.is_blocking


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [lines(100, 200), lines(2, 502)],
        lambda: [lines(100, 503, path="/up?deep=1"), lines(100, 200)],  # what is broken is asked most often
        lambda: [lines(100, 502, minutes_ago=7), lines(1, 200)],
        lambda: ["Traceback (most recent call last):\n", "\x00\xff" * 300],
        lambda: [""],
    ],
)
def test_logs_that_say_nothing_bad(tmp_path: Path, parts: Parts) -> None:
    assert codes(logged(tmp_path, *parts())) == {"api.quick"}


def test_a_log_that_became_slow_warns(tmp_path: Path) -> None:
    usual = Baseline({"shop log p95": [20.0] * 6})
    assert codes(logged(tmp_path, lines(100, 200, spent="60ms"), baseline=usual)) == {"api.quick"}
    result = logged(tmp_path, lines(90, 200), lines(10, 200, spent="900ms"), baseline=usual)
    shows(fault("the access log shows slow requests"), result)
    assert "900 ms; usual is 20 ms" in found(result, "api.log_slow").message


def test_a_log_that_cannot_be_read_hides_nothing(tmp_path: Path) -> None:
    with serving(answering(200)) as port:
        assert codes(looked(tmp_path, port, tmp_path / "none.log", tmp_path)) == {"api.quick"}


def test_a_stack_without_endpoints_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, looks.stack(tmp_path))) == {"not_applicable"}

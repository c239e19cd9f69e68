from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint
from tests.diagnostics.checks.certificates import Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.servers import ANSWER, Handler, hanging, server_context, serving, tls_handler

SLUG = "network.http_timing"


def looked(handler: Handler, folder: Path, *, count: int = 1, **thresholds: float) -> Result:
    with serving(handler) as port:
        endpoints = {
            f"shop-{number}": Endpoint(name=f"shop-{number}", service="till", url=f"http://localhost:{port}")
            for number in range(count)
        }
        return look(SLUG, stack(folder, endpoints=endpoints, thresholds={SLUG: thresholds}))


def answering(*, after: float = 0, pause: float = 0) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        time.sleep(after)
        connection.sendall(ANSWER[:-1])
        time.sleep(pause)
        connection.sendall(ANSWER[-1:])

    return handle


def test_a_quick_answer_passes_with_every_phase(tmp_path: Path) -> None:
    result = looked(answering(), tmp_path)
    shows(HEALTHY, result)
    finding = found(result, "timing.within_limits")
    assert finding.state is State.PASS
    assert {"dns", "connect", "send", "wait", "receive", "total"} == set(finding.measured)
    assert finding.measured["wait"].unit == "ms"


def test_tls_has_a_phase_of_its_own(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    with serving(tls_handler(server_context(files))) as port:
        endpoint = Endpoint(name="shop", service="till", url=f"https://localhost:{port}", tls="shop")
        result = look(SLUG, stack(tmp_path, endpoints={"shop": endpoint}, tls={"shop": files}))
    assert "tls" in found(result, "timing.within_limits").measured


@pytest.mark.parametrize(("slow", "phase"), [({"after": 0.3}, "wait"), ({"pause": 0.3}, "receive")])
def test_the_slow_phase_is_named_and_cited(slow: dict[str, float], phase: str, tmp_path: Path) -> None:
    result = looked(answering(**slow), tmp_path, wait_ms=150, receive_ms=150)
    finding = found(result, "timing.slow")
    assert finding.state is State.WARN
    assert finding.measured["slow_phase"].value == phase
    assert finding.threshold is not None
    assert (finding.threshold.name, finding.threshold.source) == (f"{phase}_ms", "config")
    cited = result.evidence[0].content.split("\n")[finding.citations[0].first_line - 1]
    assert cited.startswith(phase)
    shows(fault("an answer that is slow to come" if phase == "wait" else "an answer that drips"), result)


def test_a_slow_resolver_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = socket.getaddrinfo

    def slow(*args: object, **more: object) -> object:
        time.sleep(0.3)
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert found(looked(answering(), tmp_path, dns_ms=100), "timing.slow").measured["slow_phase"].value == "dns"


def test_no_answer_in_time_fails_and_names_the_phase(tmp_path: Path) -> None:
    result = looked(hanging, tmp_path, total_seconds=0.4)
    shows(HANGING, result)
    finding = found(result, "timing.timeout")
    assert finding.state is State.FAIL
    assert finding.measured["slow_phase"].value == "wait"


def test_hung_endpoints_are_waited_for_together(tmp_path: Path) -> None:
    began = time.monotonic()
    result = looked(hanging, tmp_path, count=8, total_seconds=0.5)
    assert [one.code for one in result.findings] == ["timing.timeout"] * 8
    assert time.monotonic() - began < 3


def test_other_failures_are_the_finding_of_other_checks(tmp_path: Path) -> None:
    finding = found(looked(lambda connection: connection.close(), tmp_path), "timing.no_answer")
    assert finding.state is State.SKIP


def test_stacks_without_endpoints_are_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


def test_a_phase_far_above_what_is_usual_warns_and_says_so(tmp_path: Path) -> None:
    usual = Baseline({f"shop {phase}": [5.0] * 6 for phase in ("dns", "connect", "send", "wait", "receive")})
    with serving(answering(after=0.3)) as port:
        endpoint = Endpoint(name="shop", service="till", url=f"http://localhost:{port}")
        result = look(SLUG, stack(tmp_path, endpoints={"shop": endpoint}), baseline=usual)
    finding = found(result, "timing.slow")
    assert finding.threshold is not None
    assert (finding.threshold.source, finding.threshold.value) == ("baseline", 50.0)
    assert "6 good runs" in finding.threshold.reference

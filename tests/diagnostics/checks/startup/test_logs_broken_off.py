"""Logs of containers that an engine does not give to their end: what had come is kept, and the others are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diagnostics.checks import container_logs
from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking.capture import take_capture
from diagnostics.looking.capturing import CaptureRequest
from diagnostics.stack import Service
from tests.diagnostics.engines import Container, Telling, engine_of
from tests.diagnostics.looks import KEY, found, look

SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_logs, "MAX_SECONDS", 1.0)


def line(text: str) -> bytes:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {text}\n".encode()


HALF_A_LINE = line(f"postgresql://till:{SECRET}@database/till")[:-20]


def whole(telling: Telling) -> None:
    telling.frame(line("INFO all is well"))
    telling.end()


def hangs(telling: Telling) -> None:
    telling.frame(line("ERROR the first words"))
    telling.frame(line("INFO more") * 1000)
    telling.frame(HALF_A_LINE)
    telling.hang()


def resets(telling: Telling) -> None:
    telling.frame(line("ERROR the first words"))
    telling.frame(b"half a line", stream=2)
    telling.hang_up()


def only_half_a_line(telling: Telling) -> None:
    telling.frame(line(f"password={SECRET}")[:-3])
    telling.hang()


def looked(containers: Mapping[str, Container], root: Path) -> Result:
    names = dict.fromkeys(one.service or name for name, one in containers.items())
    services = {name: Service(name=name, role="other") for name in names}
    with engine_of(containers, root, road="unix", services=services) as stack:
        return look("startup.logs", stack)


def of_service(result: Result, name: str) -> dict[str, Finding]:
    return {one.code: one for one in result.findings if one.target == name}


@pytest.mark.parametrize(
    ("told", "why"), [(hangs, "no end of the log within 1.0 s"), (resets, "hung up before the end of the log")]
)
def test_a_log_that_breaks_off_is_kept_and_marked_and_the_others_are_read(
    told: Callable[[Telling], None], why: str, tmp_path: Path
) -> None:
    result = looked({"api": Container(log=told), "worker": Container(log=whole)}, tmp_path)
    broken = of_service(result, "api")["logs.broken_off"]
    assert broken.state is State.WARN
    assert why in broken.message
    assert of_service(result, "api").keys() >= {"logs.collected"}
    (kept,) = (one for one in result.evidence if "container api" in one.source)
    assert "which broke off" in kept.source
    assert "ERROR the first words" in kept.content
    assert broken.citations == (kept.whole(),)
    assert of_service(result, "worker").keys() == {"logs.collected"}
    assert result.evidence[-1].content.endswith("INFO all is well")
    assert result.duration_ms < 10_000


def test_a_line_that_is_cut_in_two_is_not_kept(tmp_path: Path) -> None:
    result = looked({"api": Container(log=hangs)}, tmp_path)
    assert SECRET not in "".join(one.content for one in result.evidence)
    assert result.evidence[-1].content.endswith("INFO more")
    assert (
        found(result, "logs.collected").measured["dropped"].value
        == len(line(f"postgresql://till:{SECRET}@database/till")) - 20
    )


def test_where_no_line_ended_nothing_is_kept_and_it_is_said(tmp_path: Path) -> None:
    result = looked({"api": Container(log=only_half_a_line)}, tmp_path)
    assert "no whole line had come" in found(result, "logs.broken_off").message
    assert result.evidence == ()


def test_of_an_engine_that_gives_nothing_every_service_has_its_error_in_time(tmp_path: Path) -> None:
    services = ("api", "worker", "database", "pool", "broker", "proxy")
    result = looked({name: Container(log=Telling.hang) for name in services}, tmp_path)
    assert [(one.state, one.code) for one in result.findings] == [(State.ERROR, "engine.timeout")] * 6
    assert {one.target for one in result.findings} == set(services)
    assert result.duration_ms < 10_000


def test_a_second_container_of_a_service_is_read_though_the_first_gives_nothing(tmp_path: Path) -> None:
    first, second = Container(log=Telling.hang, service="api"), Container(log=whole, service="api")
    result = looked({"api-1": first, "api-2": second}, tmp_path)
    assert of_service(result, "api").keys() == {"logs.collected", "logs.broken_off"}
    assert [one.content.partition(" ")[2] for one in result.evidence] == ["INFO all is well"]


def test_time_is_left_for_the_last_of_many_that_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_logs, "MAX_SECONDS", 100.0)
    monkeypatch.setattr(container_logs, "SHARE", 0.02)  # of 40 s
    containers = {f"slow-{number}": Container(log=hangs) for number in range(4)} | {"well": Container(log=whole)}
    result = looked(containers, tmp_path)
    assert of_service(result, "well").keys() == {"logs.collected"}
    assert sum(one.code == "logs.broken_off" for one in result.findings) == 4


def test_a_report_takes_what_had_come_and_says_that_it_broke_off(tmp_path: Path) -> None:
    services = {name: Service(name=name, role="other") for name in ("api", "worker")}
    containers = {"api": Container(log=resets), "worker": Container(log=whole)}
    with engine_of(containers, tmp_path, road="unix", services=services) as stack:
        captured = take_capture(CaptureRequest("container_logs", stack, datetime.now(UTC), KEY))
    first, second, note = captured.text.splitlines()
    assert (first.split()[0], first.endswith("ERROR the first words")) == ("api", True)
    assert (second.split()[0], second.endswith("INFO all is well")) == ("worker", True)
    assert note == "[api: the log broke off: the engine hung up before the end of the log]"
    assert captured.dropped_bytes == len("half a line")

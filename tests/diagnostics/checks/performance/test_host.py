from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.probes import load
from diagnostics.stack import Host
from tests.diagnostics import looks
from tests.diagnostics.brokers import running_worker, services, wait_until
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, stack

SLUG = "performance.host"
# A machine that runs tests is busy, and that is no fault here.
BUSY = {"cpu_pressure_percent": 100.0, "io_pressure_percent": 100.0, "memory_pressure_percent": 100.0, "load_each": 1e3}
IDLE = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


def looked(*, baseline: Baseline = looks.NOTHING_USUAL, **limits: float) -> Result:
    config = stack(Path("/"), host=Host(), thresholds={SLUG: BUSY | limits})
    return looks.look(SLUG, config, baseline=baseline)


def test_a_machine_with_room_passes_with_its_figures() -> None:
    result = looked()
    shows(HEALTHY, result)
    finding = found(result, "host.room")
    available = finding.measured["available"].value
    assert isinstance(available, int)
    assert abs(available - psutil.virtual_memory().available) < 2e9
    assert "memory: " in result.evidence[0].content


def test_too_little_memory_fails() -> None:
    result = looked(memory_mb=psutil.virtual_memory().total / 1e6)
    shows(fault("too little memory is available"), result)
    finding = found(result, "host.memory")
    assert finding.state is State.FAIL
    assert finding.threshold is not None
    assert finding.threshold.source == "config"


@contextlib.contextmanager
def crowded() -> Iterator[None]:
    """Give the processors more work than they can do."""
    context = multiprocessing.get_context("fork")
    crowd = [context.Process(target=_spin, daemon=True) for _ in range(2 * (os.cpu_count() or 1) + 2)]
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        for one in crowd:
            one.kill()
            one.join()


def _spin() -> None:
    while True:
        pass


def test_work_that_waits_for_a_processor_warns() -> None:
    with crowded():
        if not load.load_of_host().pressure:  # an old kernel: the load rises within a few seconds, too
            wait_until(lambda: "host.load" in codes(looked(load_each=0.01)), seconds=20)
            return
        wait_until(lambda: load.load_of_host().pressure["cpu"]["some"] > 1, seconds=20)
        result = looked(cpu_pressure_percent=1.0)
    shows(fault("work waits for a processor"), result)
    finding = found(result, "host.cpu_pressure")
    assert finding.state is State.WARN
    assert "% of the last minute" in finding.message


def test_what_is_usual_here_is_no_news(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("cpu", "memory", "io"):
        (tmp_path / name).write_text(IDLE.replace("avg60=0.00", "avg60=25.00", 1))
    monkeypatch.setattr(load, "PRESSURE", tmp_path)
    config = stack(Path("/"), host=Host())
    assert "host.cpu_pressure" in codes(looks.look(SLUG, config))
    usual = Baseline({"cpu pressure": [24.0] * 5, "io pressure": [25.0] * 5, "memory pressure": [1.0] * 5})
    result = looks.look(SLUG, config, baseline=usual)
    assert codes(result) == {"host.memory_pressure"}
    threshold = result.leading.threshold
    assert threshold is not None
    assert (threshold.value, threshold.source) == (10, "baseline")


def test_a_kernel_that_measures_no_pressure_is_judged_by_its_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "PRESSURE", tmp_path)  # nothing is there
    result = looked()
    assert "pressure: not measured by this kernel" in result.evidence[0].content
    assert "host.load" in codes(looked(load_each=0.0))


def test_pressure_that_is_switched_off_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()  # reading it fails, as EOPNOTSUPP does
    monkeypatch.setattr(load, "PRESSURE", tmp_path)
    assert load.load_of_host().pressure == {}


def test_processes_killed_since_the_last_look_warn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "COUNTERS", tmp_path / "vmstat")
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    assert "host.killed" not in codes(looked())
    assert "host.killed" not in codes(looked(baseline=Baseline({"killed for memory": [7.0]})))
    for before, killed in ((5.0, 2), (0.0, 7)):
        finding = found(looked(baseline=Baseline({"killed for memory": [before]})), "host.killed")
        assert f"killed {killed} process(es)" in finding.message
    assert "host.killed" not in codes(looked(baseline=Baseline({"killed for memory": [9.0]})))  # started anew since


def test_a_service_that_stands_still_does_not_keep_it_from_looking(tmp_path: Path) -> None:
    with running_worker(tmp_path) as worker:
        worker.send_signal(signal.SIGSTOP)
        result = looks.look(SLUG, stack(tmp_path, services=services(tmp_path), thresholds={SLUG: BUSY}))
    shows(HANGING, result)


def test_a_stack_that_may_run_elsewhere_is_not_looked_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, stack(tmp_path))) == {"not_applicable"}

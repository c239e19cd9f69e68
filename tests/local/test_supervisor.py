"""The supervisor on real processes: order, restarts, failures, control, and nobody left behind."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from awe_incidents.local.control import control
from awe_incidents.local.errors import ControlRefused, NotRunning
from awe_incidents.local.lock import LOCK_NAME, lock_holder
from tests.local.conftest import Supervised, wait_for
from tests.processes import is_running

Supervise = Callable[..., Supervised]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_programs_start_in_order_and_stop_in_reverse(
    supervise: Supervise, folder: Path, number: signal.Signals
) -> None:
    supervised = supervise("order").wait_ready()
    assert supervised.end(number) == 0
    names = ["first", "second", "third"]
    expected = [f"start {name}" for name in names] + [f"stop {name}" for name in reversed(names)]
    assert (folder / "events").read_text().splitlines() == expected


def test_a_killed_child_is_started_again(supervise: Supervise) -> None:
    supervised = supervise("servers").wait_ready()
    for name in ("postgres", "valkey", "web"):
        before = {other: facts["pid"] for other, facts in control(supervised.folder, "status").items()}
        os.kill(before[name], signal.SIGKILL)
        wait_for(lambda name=name, killed=before[name]: supervised.is_ready(name, other_than=killed))  # type: ignore[misc]
        status = control(supervised.folder, "status")
        assert status[name]["restarts"] == 1
        assert {other for other, facts in status.items() if facts["pid"] != before[other]} == {name}
    assert supervised.output.count("was ended by SIGKILL; starts again in 0.2 s") == 3
    assert supervised.end() == 0


def test_children_of_a_killed_child_are_gone_before_it_starts_again(supervise: Supervise) -> None:
    supervised = supervise("family").wait_ready()
    killed = supervised.pid("web")
    wait_for(lambda: len(sleepers(killed)) == 2)
    left = sleepers(killed)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: supervised.is_ready("web", other_than=killed))
    assert not [process for process in left if is_running(process)]


@pytest.mark.parametrize("kind", ["servers", "family"])
def test_nobody_is_left_after_the_supervisor_is_killed(supervise: Supervise, folder: Path, kind: str) -> None:
    supervised = supervise(kind).wait_ready()
    wait_for(lambda: len(sleepers(supervised.pid("web"))) == 2)
    descendants = supervised.descendants()
    assert len(descendants) >= 5
    supervised.end(signal.SIGKILL)
    wait_for(lambda: not [process for process in descendants if is_running(process)], seconds=25)
    assert lock_holder(folder) is None


def test_a_new_supervisor_waits_until_a_killed_one_is_cleared_away(supervise: Supervise) -> None:
    first = supervise("servers").wait_ready()
    descendants = first.descendants()
    first.end(signal.SIGKILL)
    first.printed.unlink()
    second = supervise("servers").wait_ready()
    assert not [process for process in descendants if is_running(process)]
    assert second.end() == 0


def test_a_second_signal_hurries(supervise: Supervise) -> None:
    supervised = supervise("deaf").wait_ready()
    supervised.process.send_signal(signal.SIGINT)
    wait_for(lambda: control(supervised.folder, "status")["deaf"]["state"] == "stopping")
    began = time.monotonic()
    supervised.end(signal.SIGINT)
    assert time.monotonic() - began < 10  # its grace is 60
    assert "deaf       | did not stop within 1 s, killed" in supervised.output


def test_a_failure_is_one_line_with_program_code_last_output_and_log(supervise: Supervise, folder: Path) -> None:
    supervised = supervise("broken")
    assert supervised.process.wait(20) == 1
    log = folder / "logs" / "broken.log"
    line = f"supervisor | broken ended with exit code 3. It said: the disk is full. Log: {log}"
    assert line in supervised.output.splitlines()
    assert "the disk is full" in log.read_text()


def test_a_program_that_dies_again_and_again_is_given_up(supervise: Supervise) -> None:
    supervised = supervise("dying")
    assert supervised.process.wait(20) == 1
    assert "starts again in 0.05 s" in supervised.output
    assert re.search(r"supervisor \| dying was ended by SIGKILL\. It said: so tired\.", supervised.output)


def test_a_program_that_is_not_essential_fails_alone(supervise: Supervise) -> None:
    supervised = supervise("optional")
    wait_for(lambda: "supervisor | optional ended with exit code 3" in supervised.output)
    status = control(supervised.folder, "status")
    assert status["optional"]["state"] == "failed"
    assert status["optional"]["problem"] == "ended with exit code 3"
    assert status["steady"]["state"] == "ready"
    assert supervised.output.count("supervisor | optional ended") == 1


def test_a_program_that_is_never_ready_is_a_failure(supervise: Supervise) -> None:
    supervised = supervise("late")
    assert supervised.process.wait(20) == 1
    assert "supervisor | late is not ready after 0.3 s" in supervised.output


def test_a_program_that_cannot_be_executed_is_a_failure(supervise: Supervise) -> None:
    supervised = supervise("impossible")
    assert supervised.process.wait(20) == 1
    assert "impossible cannot start: " in supervised.output


def test_a_one_shot_is_done_and_not_started_again(supervise: Supervise) -> None:
    supervised = supervise("task").wait_ready()
    status = control(supervised.folder, "status")
    assert status["task"]["state"] == "done"
    assert supervised.output.count("done once") == 1


def test_control_stops_starts_and_restarts_one_program(supervise: Supervise, folder: Path) -> None:
    supervised = supervise("servers").wait_ready()
    before = supervised.pid("postgres")
    assert control(folder, "stop", "postgres")["postgres"]["state"] == "stopped"
    assert not is_running(before)
    assert supervised.is_ready("web")
    assert control(folder, "start", "postgres")["postgres"]["state"] == "ready"
    web = supervised.pid("web")
    assert control(folder, "restart", "web")["web"]["pid"] not in {web, None}
    assert control(folder, "status")["web"]["restarts"] == 0  # asked for, not suffered


def test_control_refuses_what_it_does_not_know(supervise: Supervise, folder: Path) -> None:
    supervise("task").wait_ready()
    with pytest.raises(ControlRefused, match="No program 'nobody'; there are task, steady"):
        control(folder, "restart", "nobody")
    with pytest.raises(ControlRefused, match="Unknown command 'explode'"):
        control(folder, "explode")


def test_control_without_a_supervisor_says_so(folder: Path) -> None:
    with pytest.raises(NotRunning):
        control(folder, "status")


def test_shutdown_by_control_ends_in_order(supervise: Supervise, folder: Path) -> None:
    supervised = supervise("order").wait_ready()
    control(folder, "shutdown")
    assert supervised.process.wait(20) == 0
    assert (folder / "events").read_text().splitlines()[-1] == "stop first"


def test_the_control_socket_works_below_a_path_too_long_for_sockets(supervise: Supervise, folder: Path) -> None:
    deep = folder / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    supervise("task", deep).wait_ready()
    assert control(deep, "status")["steady"]["state"] == "ready"


def test_a_folder_has_one_supervisor(supervise: Supervise) -> None:
    first = supervise("task").wait_ready()
    second = supervise("task")
    assert second.process.wait(20) == 1
    assert f"is already supervised by process {first.process.pid}" in second.output


def test_a_stale_lock_file_and_socket_do_not_keep_it_from_starting(supervise: Supervise, folder: Path) -> None:
    (folder / LOCK_NAME).write_text(f"{os.getpid()}\n")  # a living process that holds no lock
    (folder / "control.sock").write_text("")
    supervised = supervise("task").wait_ready()
    assert lock_holder(folder) == supervised.process.pid


def test_a_program_that_closes_its_output_costs_no_processor_time(supervise: Supervise) -> None:
    supervised = supervise("closes-output").wait_ready()
    process = psutil.Process(supervised.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1.5)
    assert sum(process.cpu_times()[:2]) - before < 0.3


def sleepers(pid: int) -> list[psutil.Process]:
    """The two long sleeps below the family program, not its own short ones."""
    return [child for child in psutil.Process(pid).children() if "300" in child.cmdline()]

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from diagnostics.checks.result import Result, State
from diagnostics.probes import descriptors
from tests.diagnostics.brokers import services, wait_until
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.rights import NOBODY, open_folder, without_rights

SLUG = "performance.descriptors"
# Lowers its own limit, then opens files that it never closes; with `fork` a child of it does.
LEAKING = """
import os, resource, sys
limit, leaked = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
if sys.argv[3:] == ["fork"] and os.fork():
    os.wait()
files = [open("/dev/null") for _ in range(leaked)]
print(len(os.listdir("/proc/self/fd")) - 1, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def leaking(folder: Path, limit: int, leaked: int, *more: str) -> Iterator[tuple[int, int]]:
    """Give the process and how many files it has open."""
    argv = [sys.executable, "-c", LEAKING, str(limit), str(leaked), *more]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    (folder / "postman.pid").write_text(f"{process.pid}\n")
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate()


def looked(folder: Path, **limits: float) -> Result:
    return look(SLUG, stack(folder, services=services(folder), thresholds={SLUG: limits}))


def test_a_service_far_from_its_limits_passes_with_its_counts(tmp_path: Path) -> None:
    with leaking(tmp_path, 1000, 5) as (_, opened):
        result = looked(tmp_path)
    shows(HEALTHY, result)
    finding = found(result, "descriptors.room")
    assert finding.measured["open_files"].value == opened
    assert f"{opened} open files of 1000" in finding.message


@pytest.mark.parametrize(
    ("leaked", "state", "words"),
    [(80, State.WARN, "service leaks open files"), (94, State.FAIL, "service has no open files left")],
)
def test_a_service_that_leaks_descriptors_is_named(tmp_path: Path, leaked: int, state: State, words: str) -> None:
    with leaking(tmp_path, 100, leaked) as (pid, opened):
        result = looked(tmp_path)
    shows(fault(words), result)
    finding = found(result, "descriptors.open_files")
    assert (finding.state, finding.measured["open_files"].value) == (state, opened)
    assert f"process {pid} " in finding.message


def test_a_child_that_leaks_counts_for_its_service(tmp_path: Path) -> None:
    with leaking(tmp_path, 50, 45, "fork") as (pid, _):
        finding = found(looked(tmp_path), "descriptors.open_files")
    assert f"process {pid} " not in finding.message
    assert finding.state is State.FAIL


def test_the_limits_of_the_stack_are_kept(tmp_path: Path) -> None:
    with leaking(tmp_path, 1000, 100):
        assert codes(looked(tmp_path, percent=5, fail_percent=90)) == {"descriptors.open_files"}


def test_a_service_that_stands_still_is_counted_all_the_same(tmp_path: Path) -> None:
    with leaking(tmp_path, 1000, 5) as (pid, _):
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        result = looked(tmp_path)
    shows(HANGING, result)
    assert codes(result) == {"descriptors.room"}


def test_a_service_that_does_not_run_is_left_to_others(tmp_path: Path) -> None:
    assert codes(looked(tmp_path)) == {"descriptors.no_process"}


def test_the_fullest_cgroup_around_a_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both layouts of the kernel: files as it writes them, for a process that is really there."""
    for version, line, top in ((2, "0::/shop/till\n", tmp_path / "v2"), (1, "8:pids:/shop/till\n", tmp_path / "v1")):
        proc, place = tmp_path / f"proc{version}" / "7", top / ("pids" if version == 1 else "") / "shop"
        (place / "till").mkdir(parents=True)
        (place / "pids.max").write_text("100\n")
        (place / "pids.current").write_text("97\n")
        (place / "till" / "pids.max").write_text("max\n")
        (place / "till" / "pids.current").write_text("3\n")
        proc.mkdir(parents=True)
        (proc / "cgroup").write_text(line)
        monkeypatch.setattr(descriptors, "PROC", proc.parent)
        monkeypatch.setattr(descriptors, "CGROUPS", top)
        assert descriptors.pids_of_its_cgroup(7) == descriptors.Count(97, 100)


def test_a_stack_without_pid_files_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


if os.geteuid() == 0:

    def test_a_process_of_another_user_is_counted_where_the_kernel_tells_and_else_an_error() -> None:
        with open_folder() as folder, leaking(folder, 1000, 5) as (_, opened), without_rights():
            result = looked(folder)
        if result.state is State.ERROR:  # before Linux 6.2 only who may list them can count them
            assert codes(result) == {"not_permitted"}
        else:
            assert found(result, "descriptors.room").measured["open_files"].value == opened

    def test_the_threads_of_its_user_count_together(tmp_path: Path) -> None:
        script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do sleep 60 & done; echo; wait"
        process = subprocess.Popen(
            ["/bin/sh", "-c", script],
            stdout=subprocess.PIPE,
            cwd="/",
            user=NOBODY - 7,
            group=NOBODY - 7,
            extra_groups=[],
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (20, 20)),
        )
        assert process.stdout is not None
        process.stdout.readline()
        (tmp_path / "postman.pid").write_text(f"{process.pid}\n")
        try:
            result = looked(tmp_path)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        shows(fault("its user has no threads left"), result)
        assert found(result, "descriptors.user_threads").state is State.FAIL

    PIDS = Path("/sys/fs/cgroup/pids")

    if (PIDS / "cgroup.procs").exists():

        def test_a_full_cgroup_fails(tmp_path: Path) -> None:
            group = PIDS / f"awe-test-{os.getpid()}"
            group.mkdir()
            try:
                with leaking(tmp_path, 1000, 5) as (pid, _):
                    (group / "cgroup.procs").write_text(str(pid))
                    (group / "pids.max").write_text("1")
                    assert found(looked(tmp_path), "descriptors.processes").state is State.FAIL
            finally:
                wait_until(lambda: (group / "cgroup.procs").read_text() == "")
                group.rmdir()

"""The programs that look into a container, run here: a shell is a shell, and these processes are real, too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diagnostics.probes.container_processes import ContainerProcess, main_process, parse_processes
from diagnostics.probes.descriptors import Count
from diagnostics.probes.programs import ENVIRONMENTS, PROCESSES

HOLDING = "import sys\nfiles = [open('/dev/null') for _ in range(40)]\nprint(flush=True)\nsys.stdin.read()"


@contextmanager
def holding(**environment: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment or None
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process.pid
    finally:
        process.communicate()


def ran(*arguments: str) -> bytes:
    return subprocess.run(arguments, capture_output=True, check=True).stdout


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_processes_are_seen_with_their_files_limits_and_users(shell: str) -> None:
    with holding() as pid:
        processes = parse_processes(ran(shell, "-c", PROCESSES))
        opened = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    one = next(process for process in processes if process.pid == pid)
    assert one.open_files is not None
    assert one.open_files.used == opened > 40
    assert (one.uid, one.parent, one.threads) == (os.getuid(), os.getpid(), 1)
    assert one.name.startswith("python")
    ours = [process for process in processes if process.is_ours]
    assert [process.uid for process in ours] == [os.getuid()]
    assert one.identity(started_as=ours[0].uid).has_dropped is False
    assert one.identity(started_as=ours[0].uid + 1).has_dropped is True


def test_variables_are_named_and_never_shown() -> None:
    with holding(SIGNING_KEY="a value that stays", EMPTY="", QUOTED='" "', OTHER="x=y") as pid:
        said = ran("bash", "-c", ENVIRONMENTS, "SIGNING_KEY", "EMPTY", "QUOTED", "NONE").decode()
    block = said.partition(f"= {pid}\n")[2].partition("= ")[0].splitlines()
    assert block[0].startswith("Name:\tpython")
    assert block[1] == f"PPid:\t{os.getpid()}"
    assert sorted(block[2:-1]) == ["EMPTY empty", "QUOTED empty", "SIGNING_KEY present"]
    assert block[-1].startswith("all ")
    assert "a value" not in said


def process(pid: int, name: str, parent: int) -> ContainerProcess:
    return ContainerProcess(pid, Count(3, None), {"Name": name, "PPid": str(parent), "Uid": "0 0 0 0"}, None)


@pytest.mark.parametrize(
    ("processes", "pid"),
    [
        ([process(1, "redis-server", 0)], 1),
        ([process(1, "docker-init", 0), process(7, "python", 1), process(9, "python", 7)], 7),
        ([process(1, "tini", 0), process(7, "sh", 1), process(8, "caddy", 7), process(20, "ls", 0)], 8),
        ([process(1, "sh", 0)], 1),
    ],
)
def test_the_service_is_what_an_init_or_a_shell_started(processes: list[ContainerProcess], pid: int) -> None:
    main = main_process(processes)
    assert main is not None
    assert main.pid == pid


def test_what_cannot_be_seen_is_not_known() -> None:
    assert main_process([]) is None
    assert parse_processes(b"") == []
    assert parse_processes(b"OCI runtime exec failed: exec failed: cannot exec in a stopped container") == []
    lines = b"= 7 -1\nName:\tpython\nPPid:\t1\nUid:\t5\t5\t5\t5\nGid:\t5\t5\t5\t5\nThreads:\t2\n= 8 3\nName:\tgone\n"
    assert [(one.pid, one.open_files) for one in parse_processes(lines)] == [(7, None)]

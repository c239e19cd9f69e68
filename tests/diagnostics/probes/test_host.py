from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from diagnostics.probes import host
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from tests.diagnostics.rights import open_folder, without_rights

SLEEP = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP, stdin=subprocess.PIPE, env={"TOKEN_KEY": "a=b", "OTHER": "x"})
    yield process
    process.kill()
    process.communicate()


def written(folder: Path, text: object) -> Path:
    path = folder / "a.pid"
    path.write_text(str(text))
    return path


def refusal_of(path: Path) -> str:
    with pytest.raises(ProcessUnknown) as caught:
        host.process_of(path)
    return caught.value.code


def test_the_named_variables_of_a_process_are_given(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = written(tmp_path, f"{sleeper.pid}\n/var/lib/data\n5432\n")  # as postmaster.pid has it
    assert host.process_environment(path, ["TOKEN_KEY", "ABSENT"]) == {"TOKEN_KEY": "a=b"}


@pytest.mark.parametrize("text", ["", "abc", "-5", "0", "99999999999", "12 34", "\x00\xff"])
def test_a_file_without_a_process_number_is_garbage(text: str, tmp_path: Path) -> None:
    assert refusal_of(written(tmp_path, text)) == "pid_file.garbage"


def test_odd_files_are_named_refusals(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal_of(tmp_path / "pipe") == "pid_file.garbage"
    assert refusal_of(tmp_path) == "pid_file.garbage"
    assert refusal_of(tmp_path / "none") == "pid_file.missing"


def test_an_ended_process_is_stale_also_while_nobody_has_waited_for_it(tmp_path: Path) -> None:
    process = subprocess.Popen(SLEEP, stdin=subprocess.PIPE)
    path = written(tmp_path, process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert refusal_of(path) == "pid_file.stale"
    process.communicate()
    assert refusal_of(path) == "pid_file.stale"


def test_a_number_that_was_given_to_a_younger_process_is_not_believed(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    path = written(tmp_path, sleeper.pid)
    yesterday = path.stat().st_mtime - 86_400
    os.utime(path, (yesterday, yesterday))
    assert refusal_of(path) == "pid_file.reused"


def test_the_environment_of_another_user_is_not_permitted() -> None:
    other = os.getpid() if os.geteuid() == 0 else 1
    with open_folder() as folder:
        path = written(folder, other)
        os.utime(path)
        with without_rights(), pytest.raises(NotPermitted):
            host.process_environment(path, ["HOME"])


def test_listeners_are_seen_with_their_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert host.Listener("127.0.0.1", port, os.getpid()) in host.listening([psutil.Process()])
        assert ("127.0.0.1", port) in {(one.address, one.port) for one in host.all_listeners()}
    assert port not in {one.port for one in host.all_listeners()}


def test_a_process_is_described_without_its_arguments(sleeper: subprocess.Popen[bytes]) -> None:
    said = host.described(sleeper.pid)
    assert said.startswith(f"process {sleeper.pid} (python")
    assert "stdin" not in said
    assert "may not see" in host.described(None)

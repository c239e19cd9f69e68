"""`python -m diagnostics logs` as a person calls it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.__main__ import run
from tests.diagnostics.brokers import wait_until

CHECKOUT = Path(__file__).parents[2]
PASSWORD = "walnut-harbor-meadow"
STACK = """\
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"

[services.shop]
role = "api"
log_files = ["shop.log"]

[services.runner]
role = "worker"
log_files = ["runner.log", "runner.err"]

[services.box]
role = "queue"

[queue]
service = "box"
adapter = "redis-list"
host = "127.0.0.1"
port = 9
pending = ["letters"]
password = "file:password"
"""


@pytest.fixture
def described(tmp_path: Path) -> Path:
    path = tmp_path / "stack.toml"
    path.write_text(STACK)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "shop.log").write_text("".join(f"line {number}\n" for number in range(150)))
    return path


def test_without_following_it_shows_the_last_lines_redacted(
    described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (described.parent / "shop.log").open("a") as log:
        log.write(f"queue at redis://:{PASSWORD}@box:6379/0\n{PASSWORD} again, not ended")
    assert run(["logs", str(described), "shop"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert len(lines) == 100
    assert lines[0] == "line 52"
    assert lines[-1].endswith(" again, not ended")
    assert PASSWORD not in told.out + told.err
    assert "-- removed: " in told.err


def test_since_and_lines_choose_where_to_begin(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    stamps = [(now - timedelta(minutes=age)).isoformat() for age in (120, 50, 10, 1)]
    (described.parent / "shop.log").write_text("".join(f"{stamp} line\n" for stamp in stamps))
    for arguments, count in (
        (["--since", "15m"], 2),
        (["--since", "1h"], 3),
        (["--since", "1d"], 4),
        (["--since", "30s"], 0),
        (["--since", stamps[1]], 3),
        (["--since", "1h", "--lines", "1"], 1),
        (["-n", "2"], 2),
        (["-n", "0"], 0),
    ):
        assert run(["logs", str(described), "shop", *arguments]) == 0
        assert len(capsys.readouterr().out.splitlines()) == count, arguments


def test_several_files_of_a_service_are_told_apart(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (described.parent / "runner.log").write_text("fine\n")
    (described.parent / "runner.err").write_text("not fine\n")
    assert run(["logs", str(described), "runner"]) == 0
    assert capsys.readouterr().out.splitlines() == ["runner.log: fine", "runner.err: not fine"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "there is no service nowhere in stack corner-shop; services with log_files: shop, runner"),
        (["box"], "service box of stack corner-shop names no log_files"),
        (["runner"], "runner.log does not exist"),
        (["shop", "--since", "yesterday"], "is neither an age such as 15m"),
        (["shop", "--lines", "-1"], "-1 is not in the range"),
        ([], "Missing argument 'SERVICE'"),
    ],
)
def test_wrong_calls_exit_3_and_say_what_to_do(
    described: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["logs", str(described), *arguments]) == 3
    assert told in capsys.readouterr().err


def test_an_invalid_description_exits_3(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described.write_text(STACK.replace("Staging", "Moon"))
    assert run(["logs", str(described), "shop"]) == 3
    assert "line 3, environment" in capsys.readouterr().err


def test_secrets_that_the_shell_cannot_know_are_named(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described.write_text(STACK.replace("file:password", "db:queue"))
    run(["logs", str(described), "shop", "-n", "0"])
    assert "-- db:queue is stored in the service and not known here" in capsys.readouterr().err


def test_control_characters_of_a_log_reach_no_terminal(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (described.parent / "shop.log").write_bytes(b"\x1b[2Jcleared \xe2\x80\xaereversed\ttab \xc2\x9b31m \x07bell\n")
    run(["logs", str(described), "shop"])
    assert capsys.readouterr().out == "cleared \\u202ereversed\ttab 31m bell\n"


@pytest.mark.parametrize("arguments", [["--help"], ["logs", "--help"]])
def test_help_is_there(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "Usage: python -m diagnostics" in shown
    assert "logs" in shown


@contextmanager
def following(stack: Path, *arguments: str, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "diagnostics", "logs", str(stack), "shop", "--follow", *arguments]
    with out.open("wb") as file:
        process = subprocess.Popen(argv, cwd=CHECKOUT, stdout=file, stderr=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_following_goes_on_through_rotation_and_ends_clean_on_ctrl_c(described: Path, tmp_path: Path) -> None:
    log, out = described.parent / "shop.log", tmp_path / "out"
    with following(described, "-n", "1", out=out) as process:
        wait_until(lambda: out.read_text() == "line 149\n", seconds=20)
        with log.open("a") as file:
            file.write(f"uses {PASSWORD}\n")
        wait_until(lambda: out.read_text().count("\n") == 2)
        log.rename(log.parent / "shop.log.1")
        log.write_text("in the new file\nunfinished")
        wait_until(lambda: "in the new file" in out.read_text())
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.read_text().splitlines()[2:] == ["in the new file"]
    assert PASSWORD not in out.read_text()
    assert b"was rotated or made anew" in told
    assert b"1 line(s) not shown" in told
    assert b"-- removed: 1 known-secret" in told
    assert b"Traceback" not in told


def test_a_reader_that_has_enough_ends_it_quietly(described: Path) -> None:
    (described.parent / "shop.log").write_text("line\n" * 200_000)
    command = f"{sys.executable} -m diagnostics logs {described} shop -n 200000 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "line\n"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_memory_stays_flat_on_a_line_larger_than_it(described: Path, tmp_path: Path) -> None:
    with (described.parent / "shop.log").open("wb") as log:
        log.write(b"first\n")
        for _ in range(200):
            log.write(b"x" * 1_000_000)
        log.write(b"\nlast\n")
    argv = [sys.executable, "-m", "diagnostics", "logs", str(described), "shop"]
    with (tmp_path / "out").open("wb") as out:
        following = subprocess.Popen(argv, stdout=out, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
        most_bytes = 0  # of the program's own memory: what wait4 gives counts the process that it was forked from, too
        while following.poll() is None:
            most_bytes = max(most_bytes, peak_bytes(following.pid))
            time.sleep(0.01)
    assert following.returncode == 0
    lines = (tmp_path / "out").read_text().splitlines()
    assert [len(line) < 1_200_000 for line in lines] == [True] * 3
    assert (lines[0], lines[2]) == ("first", "last")
    assert 10_000_000 < most_bytes < 200_000_000


def peak_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0

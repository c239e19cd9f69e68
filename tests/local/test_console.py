"""What children print: lines, files of bounded size, a terminal that may go away."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from awe_incidents.local.console import Console, Lines, Log, telling_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    """A pipe whose reader has left."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise BrokenPipeError


def test_names_are_aligned_and_plain_when_nobody_looks() -> None:
    stream = io.StringIO()
    console = Console(["web", "postgres"], stream=stream)
    console.say("web", "hello")
    console.fail("postgres", "gone")
    assert stream.getvalue() == "web      | hello\npostgres | gone\n"


def test_a_terminal_sees_a_color_per_program() -> None:
    stream = Terminal()
    console = Console(["web", "worker"], stream=stream)
    console.say("web", "hello")
    console.say("worker", "hello")
    web, worker = stream.getvalue().splitlines()
    assert web.startswith("\x1b[36m")
    assert worker.startswith("\x1b[33m")
    assert web.endswith("\x1b[0mhello")


def test_a_reader_that_left_is_no_error() -> None:
    stream = Gone()
    console = Console(["web"], stream=stream)
    console.say("web", "one")
    console.say("web", "two")
    assert stream.writes == 1


def test_a_full_log_is_turned_over_once(tmp_path: Path) -> None:
    log = Log(tmp_path / "web.log", largest_bytes=100)
    for number in range(30):
        log.write(f"line {number:02}".encode())
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert (tmp_path / "web.log").read_text().endswith("line 29\n")


def test_a_log_goes_on_where_the_last_start_ended(tmp_path: Path) -> None:
    for text in (b"first life", b"second life"):
        log = Log(tmp_path / "web.log")
        log.write(text)
        log.close()
    assert (tmp_path / "web.log").read_text() == "first life\nsecond life\n"
    assert (tmp_path / "web.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        (["starting", "the disk is full", "", "   "], "the disk is full"),
        (["FATAL:  could not bind", "LOG:  database system is shut down"], "FATAL:  could not bind"),
        (["Traceback (most recent call last):", "ValueError: no such thing"], "ValueError: no such thing"),
        (["ERROR: of long ago", *["all is well"] * 30], "all is well"),
        ([], "it printed nothing"),
    ],
)
def test_the_line_that_tells_most_is_found(lines: list[str], telling: str) -> None:
    assert telling_line(lines) == telling


def test_a_log_forgets_the_lines_of_an_earlier_life(tmp_path: Path) -> None:
    log = Log(tmp_path / "web.log")
    log.write(b"ERROR: first life")
    log.begin()
    log.write(b"second life")
    log.close()
    assert log.telling_line() == "second life"


def test_lines_are_put_together_from_pieces() -> None:
    lines = Lines()
    assert lines.feed(b"a") == []
    assert lines.feed(b"b\nc\nd") == [b"ab", b"c"]
    assert lines.flush() == [b"d"]
    assert lines.flush() == []


def test_a_line_without_end_is_given_out_in_pieces() -> None:
    lines = Lines()
    given = [piece for _ in range(10) for piece in lines.feed(b"x" * 20_000)]
    assert sum(len(piece) for piece in given) >= 120_000
    assert max(len(piece) for piece in given) <= 100_000

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.logs import Excerpt, cleaned, rotated, take_excerpt

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(minutes=15)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine stand in Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def log(folder: Path, lines: list[bytes], *, name: str = "app.log") -> Path:
    path = folder / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def every_minute(minutes: int, *, form: str = "%Y-%m-%dT%H:%M:%SZ") -> list[bytes]:
    stamps = (NOW - timedelta(minutes=ago) for ago in range(minutes, 0, -1))
    return [f"{at.strftime(form)} INFO minute".encode() for at in stamps]


def taken(path: Path, *, max_bytes: int = 1_000_000) -> Excerpt:
    return take_excerpt(path, since=SINCE, max_bytes=max_bytes)


def test_only_the_window_is_taken_and_numbered_as_in_the_source(tmp_path: Path) -> None:
    excerpt = taken(log(tmp_path, every_minute(100)))
    (piece,) = excerpt.pieces
    assert piece.first_line == 86
    assert piece.text.count("\n") == 14
    assert excerpt.first_at == NOW - timedelta(minutes=15)
    assert excerpt.last_at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize("filler", [0, 50, 5000])
def test_bisection_finds_the_same_window_in_large_files(filler: int, tmp_path: Path) -> None:
    lines = [line + b" " + b"x" * filler for line in every_minute(3000)]
    assert taken(log(tmp_path, lines)).pieces[0].first_line == 2986


def test_lines_of_a_stack_trace_stay_with_their_stamp(tmp_path: Path) -> None:
    lines = every_minute(40)
    lines[30:30] = [b"Traceback (most recent call last):", b"  File x", b"ValueError"]
    excerpt = taken(log(tmp_path, lines))
    assert "ValueError" in excerpt.pieces[0].text


def test_a_file_without_stamps_is_taken_whole(tmp_path: Path) -> None:
    excerpt = taken(log(tmp_path, [b"just words"] * 100))
    assert (excerpt.pieces[0].first_line, excerpt.has_stamps, excerpt.dropped_bytes) == (1, False, 0)
    assert excerpt.pieces[0].text.count("\n") == 99


def test_head_and_tail_of_a_long_window_keep_their_numbers(tmp_path: Path) -> None:
    path = log(tmp_path, [b"line %d" % number for number in range(1, 10_001)])
    excerpt = taken(path, max_bytes=1000)
    head, tail = excerpt.pieces
    assert head.text.splitlines()[0] == "line 1"
    assert tail.text.splitlines()[0] == f"line {tail.first_line}"
    assert tail.text.splitlines()[-1] == "line 10000"
    kept = len(head.text) + len(tail.text) + 2
    assert excerpt.dropped_bytes == path.stat().st_size - kept
    assert kept <= 1000


def test_a_silent_log_gives_its_last_lines(tmp_path: Path) -> None:
    old = [b"2020-01-01T00:00:%02dZ INFO old" % second for second in range(60)]
    excerpt = taken(log(tmp_path, old))
    assert excerpt.is_silent
    assert excerpt.pieces[0].text.endswith("00:00:59Z INFO old")


def test_an_empty_log_gives_nothing(tmp_path: Path) -> None:
    excerpt = taken(log(tmp_path, []))
    assert (excerpt.pieces, excerpt.is_silent) == ((), False)


def test_stamps_without_a_zone_are_moved_to_when_the_file_was_written(tokyo: None, tmp_path: Path) -> None:
    path = log(tmp_path, every_minute(100, form="%Y-%m-%d %H:%M:%S"))  # written in UTC
    written = (NOW - timedelta(seconds=55)).timestamp()
    os.utime(path, (written, written))
    excerpt = taken(path)
    assert excerpt.pieces[0].first_line == 86
    assert excerpt.last_at == NOW - timedelta(minutes=1)


def test_a_window_never_begins_inside_a_private_key(tmp_path: Path) -> None:
    stamps = every_minute(40)
    key = [b"-----BEGIN PRIVATE KEY-----", *[b"c2VjcmV0c2VjcmV0"] * 40, b"-----END PRIVATE KEY-----"]
    path = log(tmp_path, [*[b"before"] * 100, *key, b"after", *stamps[:0], *[b"end"] * 3])
    excerpt = taken(path, max_bytes=700)
    assert "c2VjcmV0" not in excerpt.pieces[-1].text
    assert excerpt.pieces[-1].text.startswith("after")
    assert excerpt.pieces[-1].first_line == 100 + 42 + 1


def test_one_endless_line_is_not_cut_in_its_middle(tmp_path: Path) -> None:
    excerpt = taken(log(tmp_path, [b"password=" + b"x" * 100_000]), max_bytes=1000)
    assert excerpt.pieces == ()
    assert excerpt.dropped_bytes == 100_010


def test_a_huge_hole_of_zeros_costs_nothing_but_its_counting(tmp_path: Path) -> None:
    path = tmp_path / "holes"
    with path.open("wb") as file:
        file.truncate(2**40)
    began = time.monotonic()
    taken(path)
    assert time.monotonic() - began < 5


def test_a_file_too_long_to_count_is_numbered_from_the_excerpt(tmp_path: Path) -> None:
    path = log(tmp_path, [b"line"] * 10_000)
    excerpt = take_excerpt(path, since=SINCE, max_bytes=1000, count_seconds=-1)
    assert [piece.is_numbered for piece in excerpt.pieces] == [True, False]
    assert excerpt.pieces[1].first_line == 1


def test_colors_controls_and_broken_text_are_cleaned_line_for_line() -> None:
    data = (
        b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07p\x00a\x00s\x00s\n\xff\xfe latin \xe5\nprogress\rdone\n\x08\xc2\x9bx\n"
    )
    assert cleaned(data) == "red\npass\n\ufffd\ufffd latin \ufffd\nprogress done\nx"


def test_rotated_files_of_the_window_come_oldest_first(tmp_path: Path) -> None:
    path = log(tmp_path, [b"x"])
    ages = {"app.log.1": 60, "app.log.2": 120, "app.log-20251123": 180, "app.log.9": 86_400, "app.log.3.gz": 60}
    for name, age in (ages | {"app.log.lock": 1, "app.logger": 1}).items():
        log(tmp_path, [b"x"], name=name)
        os.utime(tmp_path / name, (NOW.timestamp() - age,) * 2)
    readable, compressed = rotated(path, since=SINCE)
    assert [one.name for one in readable] == ["app.log-20251123", "app.log.2", "app.log.1"]
    assert [one.name for one in compressed] == ["app.log.3.gz"]


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(FileUnusable) as caught:
            taken(path)
        assert caught.value.code == "not_regular"

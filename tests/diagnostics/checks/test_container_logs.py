"""How a container's log becomes a file for a moment: its beginning and its end, in flat memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks.container_logs import write_ends


def lines(number: int, *, each: int = 100) -> Iterator[bytes]:
    """Give numbered lines of one length, in pieces that end anywhere."""
    rest = b""
    for one in range(number):
        rest += f"{one:09} ".encode().ljust(each - 1, b"x") + b"\n"
        if len(rest) > 700:
            yield rest[:700]
            rest = rest[700:]
    yield rest


def numbers(path: Path) -> list[int]:
    """Give the numbers of the whole lines."""
    return [int(line[:9]) for line in path.read_bytes().split(b"\n") if len(line) == 99]


@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 700, 999])
def test_what_fits_is_written_as_it_came(number: int, tmp_path: Path) -> None:
    path = tmp_path / "log"
    cut = write_ends(lines(number), path, max_bytes=200_000)
    assert cut == 0
    assert path.read_bytes() == b"".join(lines(number))


@pytest.mark.parametrize("number", [1_100, 2_000, 12_345])
def test_of_a_long_log_the_last_words_are_there(number: int, tmp_path: Path) -> None:
    path = tmp_path / "log"
    cut = write_ends(lines(number), path, max_bytes=100_000)
    kept = numbers(path)
    assert path.stat().st_size <= 100_001
    assert kept[:500] == list(range(500))
    assert kept[-1] == number - 1
    assert kept[500:] == list(range(kept[500], number))
    assert cut == number * 100 - path.stat().st_size + 1  # the line end between both


def test_one_endless_line_is_cut_to_its_bounds(tmp_path: Path) -> None:
    path = tmp_path / "log"
    cut = write_ends((b"x" * 1_000 for _ in range(10_000)), path, max_bytes=100_000)
    assert path.stat().st_size <= 100_001
    assert cut >= 10_000_000 - 100_000


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    write_ends(lines(5_000), tmp_path / "log", max_bytes=100_000)
    assert [one.name for one in tmp_path.iterdir()] == ["log"]


def test_a_gibibyte_costs_no_more_memory_than_a_piece(tmp_path: Path) -> None:
    piece = b"2026-11-29T10:00:00.000000000Z INFO " + b"x" * 65_499 + b"\n"
    tracemalloc.start()
    try:
        cut = write_ends((piece for _ in range(2**30 // len(piece))), tmp_path / "log", max_bytes=8_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert cut > 2**30 - 10_000_000
    assert peak < 4_000_000

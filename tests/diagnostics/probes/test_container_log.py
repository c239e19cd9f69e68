"""The log of a container from an engine that hangs, hangs up, or tells nonsense in the middle of it."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from diagnostics.probes.container_log import ContainerLog
from diagnostics.probes.engine import opened
from diagnostics.probes.engine_failures import EngineFailure
from tests.diagnostics.engines import Container, Telling, engine_of

SECONDS = 0.5
PIECE = 16_384  # into which an engine cuts a long line
ROADS = ("tcp", "unix")


@contextmanager
def log_of(
    told: Callable[[Telling], None],
    root: Path,
    *,
    road: Literal["tcp", "unix"] = "unix",
    has_terminal: bool = False,
    seconds: float = SECONDS,
) -> Iterator[ContainerLog]:
    container = Container(log=told, has_terminal=has_terminal)
    with engine_of({"till": container}, root, road=road) as stack:
        assert stack.engine is not None
        with opened(stack.engine, seconds=5, root=root) as engine:
            seen = engine.container("till")
            assert seen is not None
            yield engine.logs(seen, seconds=seconds)


def begins(telling: Telling) -> None:
    telling.frame(b"one\n")
    telling.frame(b"two\n", stream=2)


def ends(telling: Telling) -> None:
    begins(telling)
    telling.end()


def hangs(telling: Telling) -> None:
    begins(telling)
    telling.hang()


def hangs_in_a_chunk(telling: Telling) -> None:
    begins(telling)
    telling.connection.sendall(b"400\r\n\x01\0\0")
    telling.hang()


def hangs_up(telling: Telling) -> None:
    begins(telling)
    telling.hang_up()


def resets(telling: Telling) -> None:
    begins(telling)
    time.sleep(0.1)  # a reset takes away what was not read yet
    telling.reset()


def half_a_header(telling: Telling) -> None:
    begins(telling)
    telling.chunk(b"\x01\0\0\0")
    telling.end()


def half_a_frame(telling: Telling) -> None:
    begins(telling)
    telling.chunk(b"\x01\0\0\0\0\0\1\0")
    telling.end()


def complains(telling: Telling) -> None:
    begins(telling)
    telling.frame(b"Error grabbing logs: unexpected EOF\n", stream=3)
    telling.end()


def nonsense(telling: Telling) -> None:
    telling.chunk(b"<html><body>502 Bad Gateway</body></html>")
    telling.end()


def turns_to_nonsense(telling: Telling) -> None:
    begins(telling)
    nonsense(telling)


@pytest.mark.parametrize("road", ROADS)
def test_a_log_is_read_to_its_end(road: Literal["tcp", "unix"], tmp_path: Path) -> None:
    with log_of(ends, tmp_path, road=road) as log:
        assert b"".join(log) == b"one\ntwo\n"
    assert log.broken_off == ""


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (hangs, "no end of the log within 0.5 s"),
        (hangs_in_a_chunk, "no end of the log within 0.5 s"),
        (hangs_up, "hung up before the end"),
        (resets, "hung up before the end"),
        (half_a_header, "in the middle of a piece"),
        (half_a_frame, "in the middle of a piece"),
        (complains, "Error grabbing logs: unexpected EOF"),
        (turns_to_nonsense, "it has no frames"),
    ],
)
def test_what_had_come_is_kept_and_why_no_more_did_is_said(
    told: Callable[[Telling], None], why: str, road: Literal["tcp", "unix"], tmp_path: Path
) -> None:
    began = time.monotonic()
    with log_of(told, tmp_path, road=road) as log:
        assert b"".join(log) == b"one\ntwo\n"
        assert why in log.broken_off
    assert time.monotonic() - began < SECONDS + 3


@pytest.mark.parametrize(
    ("told", "code"),
    [(Telling.hang, "engine.timeout"), (Telling.hang_up, "engine.closed"), (nonsense, "engine.protocol")],
)
def test_where_nothing_came_it_is_a_failure(told: Callable[[Telling], None], code: str, tmp_path: Path) -> None:
    with log_of(told, tmp_path) as log, pytest.raises(EngineFailure) as refusal:
        list(log)
    assert refusal.value.code == code


def drips(telling: Telling) -> None:
    """Give a line now and then, always before a reader's patience with silence ends."""
    while True:
        telling.frame(b"drop\n")
        time.sleep(0.1)


def test_an_engine_that_never_comes_to_an_end_has_no_more_time_either(tmp_path: Path) -> None:
    began = time.monotonic()
    with log_of(drips, tmp_path) as log:
        pieces = list(log)
    assert time.monotonic() - began < SECONDS + 3
    assert 1 <= len(pieces) <= 6
    assert "no end of the log within 0.5 s" in log.broken_off


def a_line_of_10_megabytes(telling: Telling) -> None:
    for _ in range(10_000_000 // PIECE):
        telling.chunk(b"x" * PIECE)
    telling.chunk(b"\r\nlast\r\n")
    telling.end()


def test_a_terminal_is_read_in_blocks(tmp_path: Path) -> None:
    with log_of(a_line_of_10_megabytes, tmp_path, has_terminal=True, seconds=20) as log:
        pieces = list(log)
    assert log.broken_off == ""
    assert sum(map(len, pieces)) == 10_000_000 // PIECE * PIECE + 8
    assert pieces[-1].endswith(b"last\r\n")
    assert len(pieces) < 5_000


def test_a_terminal_that_hangs_in_its_line_gives_what_had_come(tmp_path: Path) -> None:
    def told(telling: Telling) -> None:
        for _ in range(100):
            telling.chunk(b"x" * PIECE)
        telling.hang()

    with log_of(told, tmp_path, has_terminal=True) as log:
        assert sum(map(len, log)) == 100 * PIECE
    assert "no end of the log" in log.broken_off


def test_who_stops_reading_leaves_no_connection(tmp_path: Path) -> None:
    gone: list[bytes] = []

    def told(telling: Telling) -> None:
        begins(telling)
        telling.connection.settimeout(5)
        gone.append(telling.connection.recv(1))

    with log_of(told, tmp_path) as log:
        pieces = iter(log)
        assert next(pieces)
        del pieces
        ends_at = time.monotonic() + 5
        while not gone and time.monotonic() < ends_at:
            time.sleep(0.02)
    assert gone == [b""]


def test_a_frame_of_a_gibibyte_costs_no_more_memory_than_a_block(tmp_path: Path) -> None:
    block, number = b"x" * 65_536, 16_384

    def told(telling: Telling) -> None:
        telling.chunk(struct.pack(">BxxxL", 1, number * len(block)))
        for _ in range(number):
            telling.chunk(block)
        telling.end()

    with log_of(told, tmp_path, seconds=60) as log:
        tracemalloc.start()
        try:
            size = sum(map(len, log))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (size, log.broken_off) == (2**30, "")
    assert peak < 4_000_000

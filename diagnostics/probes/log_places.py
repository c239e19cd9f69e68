"""Find the place in a log at which to begin: by time, by lines, and not inside a key."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from diagnostics.probes.log_source import Start
from diagnostics.probes.logs import LogFile, behind_block, window_start

BLOCK_BYTES = 65_536
FAR_BYTES = 256_000_000  # how far back lines are counted
LINES_WITHOUT_STAMPS = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where to begin; `has_stamps` is False where a time was asked for and the lines bear none."""

    position: int
    has_stamps: bool = True


def starting_place(descriptor: int, start: Start) -> Place:
    """Give the place of the first line to show; the file's end where there is none."""
    log = LogFile(descriptor, os.fstat(descriptor).st_size, ends_at=time.monotonic())
    by_time, lines, has_stamps = 0, start.lines, True
    if start.since is not None and log.size:
        has_stamps = bool(log.first_stamp(0) or log.last_stamp())
        by_time = window_start(log, start.since) if has_stamps else 0
        lines = LINES_WITHOUT_STAMPS if lines is None and not has_stamps else lines
    position = max(by_time, _last_lines(log, lines))
    return Place(behind_block(log, position, log.size) if 0 < position < log.size else position, has_stamps)


def _last_lines(log: LogFile, lines: int | None) -> int:
    """Give where the last lines begin; what stands behind the last line end is a line, too."""
    if lines is None:
        return 0
    if lines <= 0:
        return log.size
    wanted, end = lines, log.size
    if end and log.read(end - 1, 1) == b"\n":
        end -= 1  # it ends the last line and begins none
    farthest = max(log.size - FAR_BYTES, 0)
    while end > farthest:
        begin = max(end - BLOCK_BYTES, 0)
        block = log.read(begin, end - begin)
        if (found := block.count(b"\n")) >= wanted:
            place = len(block)
            for _ in range(wanted):
                place = block.rindex(b"\n", 0, place)
            return begin + place + 1
        wanted, end = wanted - found, begin
    return _next_line(log, end) if end else 0


def _next_line(log: LogFile, position: int) -> int:
    """Give where the next line begins: inside one nobody could tell what the beginning of a secret was."""
    while block := log.read(position, BLOCK_BYTES):
        if (newline := block.find(b"\n")) >= 0:
            return position + newline + 1
        position += len(block)
    return log.size

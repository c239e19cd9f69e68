"""Take the part of a log file that matters: a window of time where lines bear stamps, head and tail where that is long.

Memory stays flat: a file is searched by bisection and read in pieces; 1 GiB costs what its excerpt costs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import mode_of, opened
from diagnostics.probes.timestamps import HEAD_BYTES, Stamp, stamp_of

STEP_BYTES = 65_536  # how precisely the window's start is bisected, and how far a stamp is looked for
FAR_BYTES = 4_000_000  # how far a stamp is looked for in the end
COUNT_BYTES = 1_000_000
LAST_BYTES = 65_536  # what is kept of a log that was silent in the window
BLOCK_BYTES = 65_536  # no PEM block is longer
ROTATED_FILES = 3
BLOCK_BEGIN, BLOCK_END = b"-----BEGIN ", b"-----END "
COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"}
ROTATED_NAME = re.compile(r"[.-](?:\d[\dTZ:._-]*|old|prev|previous|bak)(?:\.(?:gz|bz2|xz|zst|lz4|zip))?")
ZONE_STEP, ZONE_SLACK_SECONDS = timedelta(minutes=15), 60.0

ANSI = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -/]*[0-~])"
)
CONTROLS = bytes(sorted((set(range(32)) | {127}) - {9, 10}))
CONTROLS_1 = dict.fromkeys(range(0x80, 0xA0))


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines, cleaned; `first_line` is 1-based in the source, or in the piece where that is not known."""

    first_line: int
    text: str
    is_numbered: bool = True


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was taken of one file."""

    path: Path
    pieces: tuple[Piece, ...]
    size_bytes: int
    dropped_bytes: int  # inside the window, between head and tail
    has_stamps: bool
    is_silent: bool  # nothing was written in the window; the last lines were taken instead
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(slots=True)
class LogFile:
    """An open log; everything is read at positions, up to the size that it had when it was opened."""

    descriptor: int
    size: int
    ends_at: float  # time.monotonic() after which lines are not counted any more
    shift: timedelta = timedelta(0)  # from the assumed zone to the real one

    def read(self, start: int, size: int) -> bytes:
        """Give bytes at a position; fewer at the end of the file."""
        return os.pread(self.descriptor, max(min(size, self.size - start), 0), start)

    def stamped(self, start: int, end: int) -> Iterator[tuple[int, Stamp]]:
        """Give the lines with stamps that begin between two positions: where each begins, and its stamp."""
        offset = max(start - 1, 0)  # whether a line begins at `start` shows in the byte before
        begin, head, is_cut = offset, b"", start > 0
        for at in range(offset, end, STEP_BYTES):
            data, place = self.read(at, min(STEP_BYTES, end - at)), 0
            while (newline := data.find(b"\n", place)) >= 0:
                stamp = None if is_cut else self._stamp(head + data[place : min(newline, place + HEAD_BYTES)])
                if stamp:
                    yield begin, stamp
                is_cut, head, place = False, b"", newline + 1
                begin = at + place
            head = (head + data[place : place + HEAD_BYTES])[:HEAD_BYTES]
        if not is_cut and (stamp := self._stamp(head)):
            yield begin, stamp

    def first_stamp(self, start: int) -> tuple[int, Stamp] | None:
        """Give the first stamped line near a position."""
        return next(self.stamped(start, min(start + STEP_BYTES, self.size)), None)

    def last_stamp(self) -> Stamp | None:
        """Give the stamp of the last stamped line near the end."""
        lines = self.read(max(self.size - STEP_BYTES, 0), STEP_BYTES).split(b"\n")
        return next(filter(None, map(self._stamp, reversed(lines))), None)

    def _stamp(self, line: bytes) -> Stamp | None:
        stamp = stamp_of(line)
        return replace(stamp, at=stamp.at + self.shift) if stamp and stamp.is_local else stamp

    def newlines(self, start: int, end: int) -> int | None:
        """Count lines between two positions, or give None when time is up."""
        count = 0
        for at in range(start, end, COUNT_BYTES):
            if time.monotonic() > self.ends_at:
                return None
            count += self.read(at, min(COUNT_BYTES, end - at)).count(b"\n")
        return count


def take_excerpt(path: Path, *, since: datetime, max_bytes: int, count_seconds: float = 3.0) -> Excerpt:
    """Take what a log says since a moment, at most `max_bytes` of it: half from the beginning, half from the end.

    Raises: FileUnusable, NotPermitted.
    """
    try:
        with opened(path) as file:
            about = os.fstat(file.fileno())
            log = LogFile(file.fileno(), about.st_size, time.monotonic() + count_seconds)
            return _taken(log, path, since, max_bytes, written_at=datetime.fromtimestamp(about.st_mtime, UTC))
    except OSError as error:
        raise FileUnusable("unreadable", f"{path} cannot be read: {error.strerror}") from None


def _taken(log: LogFile, path: Path, since: datetime, max_bytes: int, *, written_at: datetime) -> Excerpt:
    first, last = log.first_stamp(0), log.last_stamp()
    if last and last.is_local:
        log.shift = _zone_error(last.at, written_at)
        last = replace(last, at=last.at + log.shift)
    start = window_start(log, since) if first or last else 0
    is_silent = bool(log.size) and start >= log.size
    if is_silent:
        start = _line_start(log, max(log.size - min(LAST_BYTES, max_bytes), 0))
    spans = _spans(log, start, max_bytes)
    begin = log.first_stamp(start)
    return Excerpt(
        path=path,
        pieces=tuple(_pieces(log, spans)),
        size_bytes=log.size,
        dropped_bytes=log.size - start - sum(end - at for at, end in spans),
        has_stamps=bool(first or last),
        is_silent=is_silent,
        first_at=begin[1].at if begin else None,
        last_at=last.at if last else None,
    )


def _zone_error(last_at: datetime, written_at: datetime) -> timedelta:
    """Find how far off the assumed zone is: the last line was written when the file was, whatever its clock shows."""
    off = written_at - last_at
    steps = round(off / ZONE_STEP)
    is_zone = 0 < abs(steps) <= 56 and abs((off - steps * ZONE_STEP).total_seconds()) <= ZONE_SLACK_SECONDS
    return steps * ZONE_STEP if is_zone else timedelta(0)


def window_start(log: LogFile, since: datetime) -> int:
    """Bisect for the first line of the window; its stamps must mostly rise. Give the file's size if there is none."""
    low, high = 0, log.size
    while high - low > STEP_BYTES:
        middle = (low + high) // 2
        found = log.first_stamp(middle)
        if found is None or found[1].at >= since:
            high = middle
        else:
            low = max(found[0], middle)
    limit = min(high + FAR_BYTES, log.size)
    for begin, stamp in log.stamped(low, limit):
        if stamp.at >= since:
            return begin
    return log.size if limit == log.size else high


def _line_start(log: LogFile, at: int) -> int:
    """Give the beginning of the first whole line at or behind a position; the end if no line ends near."""
    if at <= 0:
        return 0
    newline = log.read(at - 1, FAR_BYTES).find(b"\n")
    return at + newline if newline >= 0 else log.size


def _spans(log: LogFile, start: int, max_bytes: int) -> list[tuple[int, int]]:
    """Give the byte ranges to keep, at line borders, none beginning inside a PEM block."""
    if log.size - start <= max_bytes:
        spans = [(start, log.size)]
    else:
        half = max_bytes // 2
        head_end = start + (log.read(start, half).rfind(b"\n") + 1)
        tail = log.read(log.size - half, half)
        border = tail.find(b"\n") + 1
        spans = [(start, head_end), (log.size - half + border if border else log.size, log.size)]
    return [(behind_block(log, at, end), end) for at, end in spans if at < end]


def behind_block(log: LogFile, start: int, end: int) -> int:
    """Move the start behind a PEM block that it would cut: without its first line nobody knows that it is a key."""
    before = log.read(max(start - BLOCK_BYTES, 0), min(BLOCK_BYTES, start))
    if before.rfind(BLOCK_BEGIN) <= before.rfind(BLOCK_END):
        return start
    ahead = log.read(start, min(BLOCK_BYTES, end - start))
    closing = ahead.find(BLOCK_END)
    if closing < 0:
        return start if len(ahead) == BLOCK_BYTES else end
    newline = ahead.find(b"\n", closing)
    return start + newline + 1 if newline >= 0 else end


def _pieces(log: LogFile, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    line, counted_to = 1, 0
    for start, end in spans:
        more = log.newlines(counted_to, start)
        is_numbered = more is not None
        data = log.read(start, end - start)
        line = line + more if more is not None else 1
        yield Piece(line, cleaned(data), is_numbered)
        line, counted_to = line + data.count(b"\n"), end


def cleaned(data: bytes) -> str:
    """Make text of log bytes, line for line: no colors, no control characters, nothing that is not UTF-8."""
    data = ANSI.sub(b"", data).replace(b"\r\n", b"\n").replace(b"\r", b" ").translate(None, CONTROLS)
    return data.decode("utf-8", "replace").translate(CONTROLS_1).removesuffix("\n")


def rotated(path: Path, *, since: datetime) -> tuple[list[Path], list[Path]]:
    """Find what a rotation put aside within the window, oldest first; and what of it is compressed, so not read."""
    readable: list[Path] = []
    compressed: list[Path] = []
    times: dict[Path, float] = {}
    try:
        beside = [one for one in path.parent.iterdir() if one.name.startswith(path.name)]
    except OSError:
        return [], []
    for sibling in sorted(beside)[:1000]:
        if not ROTATED_NAME.fullmatch(sibling.name.removeprefix(path.name)):
            continue
        try:
            written = mode_of(sibling).st_mtime
        except (FileUnusable, NotPermitted):
            continue
        if written >= since.timestamp():
            (compressed if sibling.suffix in COMPRESSED else readable).append(sibling)
            times[sibling] = written
    return sorted(readable, key=times.__getitem__)[-ROTATED_FILES:], compressed

"""The frames in which an engine sends a program's output: stream number, length, content (Docker API, attach)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct(">BxxxL")
STDOUT, STDERR = 1, 2


class Frames:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the frames that are whole now: stream and content."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            stream, length = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            content, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
            yield stream, content

"""The frames in which an engine sends a program's output: stream number, length, content (Docker API, attach)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct(">BxxxL")
STDIN, STDOUT, STDERR, ENGINE = range(4)  # the last one bears what the engine itself says


class Frames:
    """Takes bytes as they come and gives what is in the frames, also of one that is not whole: memory stays flat."""

    def __init__(self) -> None:
        self._header = b""
        self._stream = STDIN
        self._left = 0  # bytes of the frame that are still to come

    @property
    def is_whole(self) -> bool:
        """Say whether the last frame has come to its end."""
        return not self._header and not self._left

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the stream and the content of each piece of a frame, none of them empty."""
        at = 0
        while at < len(data):
            if not self._left:
                missing = HEADER.size - len(self._header)
                self._header += data[at : at + missing]
                at += missing
                if len(self._header) < HEADER.size:
                    return
                self._stream, self._left = HEADER.unpack(self._header)
                self._header = b""
            if content := data[at : at + self._left]:
                at += len(content)
                self._left -= len(content)
                yield self._stream, content

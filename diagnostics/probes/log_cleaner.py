"""Make plain text of a log's bytes while they come: no colors, no control characters, nothing that is not UTF-8."""

from __future__ import annotations

import codecs
import re

from diagnostics.probes.logs import ANSI, CONTROLS, CONTROLS_1

MAX_SEQUENCE_BYTES = 1024  # a longer escape sequence is none
UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*|[PX^_][^\x1b\n]*|[ -/]*)")


class Cleaner:
    """Cleans pieces cut anywhere; the text is the same wherever they were cut, and line for line."""

    def __init__(self) -> None:
        self._carried = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Give the clean text of the next piece, in UTF-8; what may go on in the next one is carried."""
        data = self._carried + data
        cut = len(data) if last else _whole(data)
        data, self._carried = data[:cut], data[cut:]
        data = ANSI.sub(b"", data).replace(b"\r\n", b"\n").replace(b"\r", b" ").translate(None, CONTROLS)
        return self._decoder.decode(data, final=last).translate(CONTROLS_1).encode()


def _whole(data: bytes) -> int:
    """Give how much of a piece can be cleaned: not a carriage return at its end, nor the beginning of a sequence."""
    begin = data.rfind(b"\x1b", max(len(data) - MAX_SEQUENCE_BYTES, 0))
    if begin >= 0 and UNFINISHED.fullmatch(data, begin):
        return begin
    return len(data) - 1 if data.endswith(b"\r") else len(data)

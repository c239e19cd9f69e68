"""Standard output and standard error through the redactor: prints, warnings, and tracebacks that nobody catches.

Python writes an uncaught error of a program, a thread or a destructor to `sys.stderr`, as libraries do with what they
print. Whole lines leave, redacted as one stream, so that a key over many lines is none of it; what is unfinished leaves
when the program ends.
"""

from __future__ import annotations

import atexit
import io
import sys
import threading
from contextlib import suppress
from typing import TextIO, cast

from awe_incidents.log.lines import DROPPED, redactor_now
from diagnostics.redaction import RedactionFailed, Stream


class GuardedOutput(io.TextIOBase):
    """A text stream in front of another one."""

    def __init__(self, original: TextIO) -> None:
        self.original = original
        self._stream: Stream | None = None
        self._lock = threading.RLock()
        self._is_writing = False
        atexit.register(self.finish)

    def write(self, text: str) -> int:
        """Take text, and pass on the lines that are whole."""
        with self._lock:
            if self._is_writing:  # the redactor itself has something to say, e.g. a warning
                self.original.write(DROPPED + "\n")
                return len(text)
            self._is_writing = True
            try:
                self._pass_on(text.encode("utf-8", "backslashreplace"), is_last=False)
            finally:
                self._is_writing = False
        return len(text)

    def finish(self) -> None:
        """Pass on what is unfinished."""
        with self._lock:
            self._pass_on(b"", is_last=True)
            self._stream = None

    def flush(self) -> None:
        """Let the lines that were passed on be seen."""
        with suppress(ValueError):  # closed before us, at the program's end
            self.original.flush()

    def isatty(self) -> bool:
        """Tell whether a person looks on."""
        return self.original.isatty()

    def fileno(self) -> int:
        """Give the descriptor behind."""
        return self.original.fileno()

    def writable(self) -> bool:
        """It is for writing."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base says that it may be assigned
        """Give the encoding behind."""
        return self.original.encoding

    def _pass_on(self, data: bytes, *, is_last: bool) -> None:
        if self._stream is None:
            if not data:
                return
            self._stream = redactor_now().stream()
        try:
            ready = self._stream.finish() if is_last else self._stream.feed(data)
            text = ready.decode("utf-8", "replace")
        except RedactionFailed:
            self._stream, text = None, DROPPED + "\n"
        if text:
            try:
                self.original.write(text)
                self.flush()
            except (OSError, ValueError):  # nobody reads any more
                self._stream = None


def guard_output() -> None:
    """Let everything that this process prints from now on pass the redactor; again changes nothing."""
    sys.stdout = _guarded(sys.stdout)
    guard_errors()


def guard_errors() -> None:
    """Let standard error alone pass the redactor: what a command prints on standard output is its answer."""
    sys.stderr = _guarded(sys.stderr)


def unguarded(stream: TextIO) -> TextIO:
    """Give the stream behind, for lines that are redacted already."""
    return stream.original if isinstance(stream, GuardedOutput) else stream


def _guarded(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, GuardedOutput) else cast("TextIO", GuardedOutput(stream))

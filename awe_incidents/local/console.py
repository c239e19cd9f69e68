"""Where children's output goes: to the terminal line by line with the program's name, and to a file of bounded size."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, TextIO

COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
FAILURE_COLOR = 31
LONGEST_LINE_BYTES = 65536
LARGEST_LOG_BYTES = 5_000_000
RECENT_LINES = 20
NAMES_ERROR = re.compile(r"\b(FATAL|PANIC|CRITICAL|ERROR|\w*Error)\b")


class Console:
    """The terminal: `name | text`, colored when a person looks at it; a reader that left is no error."""

    def __init__(self, names: list[str], *, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stdout
        self._width = max((len(name) for name in names), default=0)
        self._colors = {name: COLORS[index % len(COLORS)] for index, name in enumerate(names)}
        self._colored = self._stream.isatty() and "NO_COLOR" not in os.environ

    def say(self, name: str, text: str) -> None:
        """Print one line of this program."""
        self._print(name, text, self._colors.get(name, 37))

    def fail(self, name: str, text: str) -> None:
        """Print one line that must be seen."""
        self._print(name, text, FAILURE_COLOR, whole=True)

    def _print(self, name: str, text: str, color: int, *, whole: bool = False) -> None:
        if self._stream is None:
            return
        start = f"{name:<{self._width}} | "
        if self._colored:
            start, text = f"\x1b[{color}m{start}", f"{text}\x1b[0m" if whole else f"\x1b[0m{text}"
        try:
            self._stream.write(f"{start}{text}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the terminal or pipe is gone; the files still get every line
            self._stream = None


class Log:
    """One program's log file; when it is full it becomes NAME.log.1 and the one before that is dropped."""

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_LOG_BYTES) -> None:
        self.path = path
        self._recent: deque[str] = deque(maxlen=RECENT_LINES)
        self._largest_bytes = largest_bytes
        self._file: BinaryIO = _open_private(path)

    def begin(self) -> None:
        """Start a new life of the program: what it printed before tells nothing about this one."""
        self._recent.clear()

    def telling_line(self) -> str:
        """Give the line of this life that says best what went wrong."""
        return telling_line(self._recent)

    def write(self, line: bytes) -> str:
        """Append one line and give it as text."""
        if self._file.tell() + len(line) + 1 > self._largest_bytes:
            self._file.close()
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            self._file = _open_private(self.path)
        with contextlib.suppress(OSError):  # a full disk must not end the supervisor
            self._file.write(line + b"\n")
            self._file.flush()
        text = line.decode(errors="replace").rstrip("\r")
        self._recent.append(text)
        return text

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def telling_line(lines: Iterable[str]) -> str:
    """Give the last line that names an error, else the last that says anything; servers often end with a farewell."""
    recent = [line.strip() for line in lines if line.strip()][-RECENT_LINES:]
    errors = [line for line in recent if NAMES_ERROR.search(line)]
    return (errors or recent or ["it printed nothing"])[-1]


class Lines:
    """Cuts the bytes of a pipe into lines; a line without end is given out in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[bytes]:
        """Take the next bytes and give the lines that are whole."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def flush(self) -> list[bytes]:
        """Give what is left at the end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _open_private(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    file = os.fdopen(descriptor, "ab")
    file.seek(0, os.SEEK_END)
    return file

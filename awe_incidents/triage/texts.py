"""Texts of strangers for the screen: lines out of compressed evidence with flat memory, nothing invisible (pure)."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

CHUNK_BYTES = 65_536
MAX_LINE_CHARACTERS = 2_000
_SPAN = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a text, counted from 1, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        """Give the form that addresses use: `12` or `12-20`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


@dataclass(frozen=True, slots=True)
class Line:
    """One line for the screen."""

    number: int
    text: str
    is_cited: bool


def parse_span(text: str) -> Span | None:
    """Read `12` or `12-20`; None when it is neither, or ends before it starts."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return Span(first, last) if 1 <= first <= last else None


def lines_of(compressed: bytes, *, window: Span, cited: Span | None) -> list[Line]:
    """Give the lines of a window, without ever holding the text before or behind it."""
    wanted = islice(_lines(compressed, until=window.last), window.first - 1, window.last)
    return [
        Line(number, visible(_cut(text)), cited is not None and number in cited)
        for number, text in enumerate(wanted, start=window.first)
    ]


def _lines(compressed: bytes, *, until: int) -> Iterator[str]:
    rest, given = b"", 0
    for chunk in _chunks(compressed):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _decoded(line)
            given += 1
            if given >= until:
                return
        if len(rest) > MAX_LINE_CHARACTERS * 4:  # of an endless line only its start is shown
            rest = rest[: MAX_LINE_CHARACTERS * 4]
    yield _decoded(rest)


def _chunks(compressed: bytes) -> Iterator[bytes]:
    engine = zlib.decompressobj()
    data = engine.decompress(compressed, CHUNK_BYTES)
    while data:
        yield data
        data = engine.decompress(engine.unconsumed_tail, CHUNK_BYTES)


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")


def visible(text: str) -> str:
    """Show control and direction characters by name, so that a log cannot dress up as something else."""
    return text if text.isprintable() else "".join(_named(character) for character in text)


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARACTERS else f"{line[:MAX_LINE_CHARACTERS]} … (the line goes on)"


def _named(character: str) -> str:
    if character in "\t\n" or character.isprintable():
        return character
    if character < " ":
        return chr(0x2400 + ord(character))  # the picture of a control character
    return f"⟨U+{ord(character):04X}⟩" if unicodedata.category(character) in ("Cc", "Cf") else character

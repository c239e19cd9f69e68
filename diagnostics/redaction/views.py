"""Other readings of one line: without control codes, unescaped, percent-decoded, a list of arguments as a command.

A secret inside JSON inside JSON, inside a coloured log line or inside a form body is plain in one of these readings,
so rules need to know one notation only. Each maps back to the line's bytes.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from diagnostics.redaction.tokens import TOKEN_MARK, TOKEN_PATTERN

MASK = b"\x01"
MAX_DEPTH = 5

CONTROL = re.compile(
    rb"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[^\[\]\n]?"
    rb"|\xc2\xad|\xe2\x80[\x8b-\x8f]|\xef\xbb\xbf"
    rb"|[\x00-\x08\x0e-\x1a\x7f]"
)
_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|x([0-7][0-9a-fA-F])|([\"'\\/])|([nrt]))")
_PERCENT = re.compile(rb"%([2-7][0-9A-Fa-f]|0[9AaDd])")
_PERCENT_HINT = re.compile(rb"%(?:0[AaDd]|22|24|3[AaDd]|40|2[67]|7[Bb])|PRIVATE(?:%20|\+)KEY")
_ENTITY = re.compile(rb"&(quot|#34|#x22|apos|#39|#x27|amp|lt|gt|#61);")
_ENTITIES = {b"quot": b'"', b"#34": b'"', b"#x22": b'"', b"apos": b"'", b"#39": b"'", b"#x27": b"'", b"#61": b"="}
_ENTITIES |= {b"amp": b"&", b"lt": b"<", b"gt": b">"}
# A list whose members are arguments. Read as a command, it has quotes around those members only that hold a blank.
_ARGUMENTS_HINT = re.compile(rb"[\"'],[ \t]*[\"'](?:-|(?:add_user|change_password|authenticate_user)\b)")
_ARGUMENT = re.compile(
    rb"(?:(?P<end>[\"']),|[\[(])[ \t]*(?P<begin>[\"'])(?P<blank>(?=[^\"'\s]*[ \t][^\"']*[\"']))?"
    rb"|(?P<apostrophe>(?<=\w)[\"'](?=\w))"
)
_TOKEN = re.compile(TOKEN_PATTERN.encode("ascii"))
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True, slots=True)
class View:
    """A reading of a line; `starts` and `ends` give for each byte where it begins and ends in the line itself."""

    text: bytes
    starts: array[int] | None = None
    ends: array[int] | None = None

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Give the span in the line that the non-empty span of this view was read from."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def views_of(line: bytes) -> Iterator[View]:
    """Give the readings of a line, the line itself (tokens masked, control codes gone) first."""
    view = View(line)
    if CONTROL.search(line):
        view = _rewritten(view, CONTROL, lambda match: b"")
    if TOKEN_MARK in view.text:
        masked = _TOKEN.sub(lambda match: MASK * len(match.group()), view.text)
        view = View(masked, view.starts, view.ends)
    yield from _with_command(view)
    yield from _unescaped(view)
    if _PERCENT_HINT.search(view.text):
        decoded = _rewritten(view, _PERCENT, lambda match: bytes.fromhex(match.group(1).decode("ascii")))
        yield from _with_command(decoded)
        yield from _unescaped(decoded)
    if _ENTITY.search(view.text):
        yield _rewritten(view, _ENTITY, lambda match: _ENTITIES[match.group(1)])


def _unescaped(view: View) -> Iterator[View]:
    for _ in range(MAX_DEPTH):
        if b"\\" not in view.text or not _ESCAPE.search(view.text):
            return
        view = _rewritten(view, _ESCAPE, _character)
        yield from _with_command(view)


def _with_command(view: View) -> Iterator[View]:
    yield view
    if not _ARGUMENTS_HINT.search(view.text):
        return
    quote = b""

    def part(match: re.Match[bytes]) -> bytes:
        nonlocal quote
        if match.group("apostrophe"):
            return b"_"
        end, quote = quote, match.group("begin") if match.group("blank") is not None else b""
        return end + b" " + quote

    yield _rewritten(view, _ARGUMENT, part)


def _character(match: re.Match[bytes]) -> bytes:
    digits = match.group(1) or match.group(2)
    if digits:
        return bytes.fromhex(digits.decode("ascii"))
    return match.group(3) or _LETTERS[match.group(4)]


def _rewritten(view: View, pattern: re.Pattern[bytes], change: Callable[[re.Match[bytes]], bytes]) -> View:
    """Apply a change to every match and keep the way back."""
    length = len(view.text)
    old_starts = view.starts if view.starts is not None else array("I", range(length))
    old_ends = view.ends if view.ends is not None else array("I", range(1, length + 1))
    pieces: list[bytes] = []
    starts, ends = array("I"), array("I")
    position = 0
    for match in pattern.finditer(view.text):
        begin, end = match.span()
        new = change(match)
        pieces += (view.text[position:begin], new)
        starts += old_starts[position:begin]
        ends += old_ends[position:begin]
        starts.extend([old_starts[begin]] * len(new))
        ends.extend([old_ends[end - 1]] * len(new))
        position = end
    pieces.append(view.text[position:])
    starts += old_starts[position:]
    ends += old_ends[position:]
    return View(b"".join(pieces), starts, ends)

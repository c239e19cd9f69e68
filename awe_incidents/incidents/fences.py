"""Code fences in pasted Markdown: where one opens, and whether it ever closes.

A fence counts where GitHub shows one at the top level or in a simple list: fewer than four columns in, per
CommonMark 0.31 section 4.5. Deeper lines cannot hold a section either, so they are plain text here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# Indentation, then at most one list bullet. Nothing follows the last part, so the match never backtracks.
_PREFIX = re.compile(r"(?P<indent>[ \t]*)(?P<bullet>(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?")
_DEEP_COLUMNS = 4


class Fence(NamedTuple):
    """The opening line of a fence: its character, how many of them, and the columns before them."""

    character: str
    length: int
    column: int


class Prefixed(NamedTuple):
    """A line cut into what stands before its text (indentation, then a list bullet) and the text."""

    prefix: str
    core: str
    is_deep: bool  # indented like a code block
    has_bullet: bool


def split_prefix(line: str) -> Prefixed:
    """Cut a line into indentation, list bullet and text."""
    match = _PREFIX.match(line)
    assert match is not None  # every part is optional
    indent = match["indent"]
    is_deep = len(indent) >= _DEEP_COLUMNS or "\t" in indent
    return Prefixed(match[0], line[match.end() :], is_deep, match["bullet"] is not None)


def fence_of(line: Prefixed) -> Fence | None:
    """Give the fence that a line opens, if it has the form of one."""
    character = line.core[:1]
    if not line.core.startswith(("```", "~~~")) or len(line.prefix) >= _DEEP_COLUMNS or "\t" in line.prefix:
        return None
    info = line.core.lstrip(character)
    if character == "`" and "`" in info:
        return None  # an inline code span
    return Fence(character, len(line.core) - len(info), len(line.prefix))


def longest_run(text: str, character: str) -> int:
    """Count the longest unbroken run of a character."""
    return max(map(len, re.findall(re.escape(character) + "+", text)), default=0)


class Closings:
    """The lines that can close a fence, for a walk from the first line to the last.

    A fence that nobody closes is text: one forgotten line must not swallow the sections after it. Per character only
    those closing lines are kept that are longer than all later ones, so a question costs constant time over a walk.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._records: dict[str, list[tuple[int, int]]] = {"`": [], "~": []}
        for index in range(len(lines) - 1, -1, -1):
            fence = _closing_fence(lines[index])
            if fence is None:
                continue
            records = self._records[fence.character]
            if not records or records[-1][1] < fence.length:
                records.append((index, fence.length))

    def end_of(self, fence: Fence, opened_at: int) -> int | None:
        """Give the index of the line that closes the fence opened on line `opened_at`; None if there is none.

        Asked with indexes that never go down.
        """
        records = self._records[fence.character]
        while records and records[-1][0] <= opened_at:
            records.pop()
        if not records or records[-1][1] < fence.length:
            return None
        return next(index for index in range(opened_at + 1, len(self._lines)) if self._closes(index, fence))

    def _closes(self, index: int, fence: Fence) -> bool:
        closing = _closing_fence(self._lines[index])
        return closing is not None and closing.character == fence.character and closing.length >= fence.length


def _closing_fence(line: str) -> Fence | None:
    if "```" not in line and "~~~" not in line:
        return None
    prefixed = split_prefix(line)
    fence = fence_of(prefixed)
    if fence is None or prefixed.has_bullet or prefixed.core.rstrip(" \t") != fence.character * fence.length:
        return None
    return fence

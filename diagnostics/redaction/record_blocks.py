"""Values on lines after their name that no block of YAML or JSON holds: SQL, tables, parts of forms, answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from diagnostics.redaction.finder import is_count
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rules import names
from diagnostics.redaction.value_blocks import Span, indented

MAX_PART_LINES = 50
_NO_VALUE = compile_pattern(names.NO_SECRET)
_STRING = re.compile(rb"'((?:[^']|'')+)'")
_SHORT = re.compile(rb"[\w-]{1,3}")


@dataclass(slots=True)
class Answer:
    """Takes what a pattern finds in the next line, and nothing of later ones."""

    pattern: re.Pattern[bytes]

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the value's span; the block is over after one line."""
        match = self.pattern.search(line)
        return ([match.span(1)] if match and not _NO_VALUE.fullmatch(match.group(1)) else []), False


SQL_LITERAL = re.compile(rb"^(?:[\w.-]{1,64}\s*\|\s?)?\s*(?:[eE]|U&)?'((?:[^']|'')+)'?")
FOLDED = re.compile(rb"^[ \t]+([^\s\"']{8,})\s*$")
SMTP_LINE = re.compile(rb"(?:^|[\s>:])([A-Za-z0-9+/]{4,}={0,2})\s*$")


@dataclass(slots=True)
class SqlRows:
    """After the columns of an INSERT: takes the strings of its rows."""

    is_first: bool = True

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the strings of a row; a line that begins no row ends the block."""
        offset, _, content = indented(line)
        if not (re.match(rb"(?i)values\b", content) if self.is_first else content.startswith(b"(")):
            return [], False
        self.is_first = False
        spans = [match.span(1) for match in _STRING.finditer(line, offset)]
        return [span for span in spans if not _is_plain(line[slice(*span)])], True


@dataclass(slots=True)
class SqlParameters:
    """After a statement with placeholders: takes the named ones, or all, from the line that tells the parameters."""

    numbers: frozenset[bytes]

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the strings of the parameters; the statement may go on over indented lines before."""
        told = re.search(rb"(?i)parameters: ", line)
        if told is None:
            return [], indented(line)[1] > 0
        found = re.finditer(rb"\$(\d+) = '((?:[^']|'')+)'", line[told.end() :])
        spans = [(told.end() + match.start(2), told.end() + match.end(2), match.group(1)) for match in found]
        wanted = [(start, end) for start, end, number in spans if not self.numbers or number in self.numbers]
        return [span for span in wanted if self.numbers or not _is_plain(line[slice(*span)])], False


@dataclass(slots=True)
class FormPart:
    """In a part of a multipart form: takes the lines between its headers and the boundary."""

    in_body: bool = False
    lines: int = 0

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give a line of the value."""
        offset, _, content = indented(line)
        self.lines += 1
        if content.startswith(b"--") or self.lines > MAX_PART_LINES:
            return [], False
        if not self.in_body:
            self.in_body = not content
            return [], self.in_body or b":" in content
        return [(offset, offset + len(content))], True


@dataclass(slots=True)
class Table:
    """Below the head of a table or of a CSV file: takes the cells of the columns that are named as secrets."""

    separator: bytes
    names: tuple[bytes, ...]
    columns: tuple[int, ...]
    is_first: bool = True

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the cells of a row; a line with other columns ends the table."""
        is_first, self.is_first = self.is_first, False
        if self.separator == b"|" and is_first:
            return [], _RULE_LINE.match(line) is not None
        cells = list(_cells(line, self.separator))
        if len(cells) > len(self.names) and self.separator == b"|":
            return [(cells[self.columns[0]][0], cells[-1][1])], True  # a sign in one of them: take all that may be it
        if len(cells) != len(self.names):
            return [], False
        wanted = [(cells[column], self.names[column]) for column in self.columns]
        return [span for span, key in wanted if not _is_kept(key, line[slice(*span)])], True


def _is_kept(key: bytes, value: bytes) -> bool:
    return _is_plain(value) or is_count(key, value)


_RULE_LINE = re.compile(rb"^(?:[\w.-]{1,64} *\| )?[ |+]*[-=]{2,}[-=+|: ]*\r?$")
_HEAD = re.compile(rb"^[| ]*\"?[\w.-]+\"?(?:(?P<sign>[,;\t]| *\| *)\"?[\w.-]+\"?)+[| ]*\r?$")


def table_below(line: bytes, is_secret: Any, is_kept: Any) -> Table | None:
    """Give the table whose head a line is, if a column is named as a secret."""
    head = _HEAD.match(line)
    if head is None:
        return None
    separator = head.group("sign").strip(b" ")
    keys = tuple(line[slice(*cell)] for cell in _cells(line, separator))
    columns = tuple(n for n, key in enumerate(keys) if is_secret.fullmatch(key) and not is_kept.search(key))
    return Table(separator, keys, columns) if columns else None


def _cells(line: bytes, separator: bytes) -> Iterator[Span]:
    """Give where the cells of a row are, without spaces and quotes around them."""
    start = 0
    for cell in line.split(separator):
        content = cell.strip(b' \t\r"')
        begin = start + cell.find(content)
        yield begin, begin + len(content)
        start += len(cell) + len(separator)


def _is_plain(value: bytes) -> bool:
    return bool(_NO_VALUE.fullmatch(value) or _SHORT.fullmatch(value))

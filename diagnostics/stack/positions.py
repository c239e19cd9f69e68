"""Find the line of a key in TOML text; the standard library's parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"^\s*((?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=(.*)$"
)
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """Give the 1-based line where `path`, or the nearest of its parents, is set; None where nothing of it is."""
    wanted = tuple(path)
    lines: dict[Path, int] = {}
    for number, found in _positions(text):
        for end in range(1, len(found) + 1):
            lines.setdefault(found[:end], number)
    return next((lines[wanted[:end]] for end in range(len(wanted), 0, -1) if wanted[:end] in lines), None)


def _positions(text: str) -> Iterator[tuple[int, Path]]:
    table: Path = ()
    counts: dict[Path, int] = {}
    closing: str | None = None  # the triple quote that ends a multi-line string
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            closing = None if closing in line else closing
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_parts(key[1]))
            closing = next((q for q in ('"""', "'''") if key[2].count(q) == 1), None)


def _parts(dotted: str) -> Path:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))

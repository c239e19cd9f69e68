"""Compiling RE2 patterns for log lines: over UTF-8 as bytes, in linear time, never across a line's end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

MAX_PATTERN_BYTES = 64 * 1024 * 1024


def compile_pattern(pattern: str) -> Any:
    """Compile one pattern.

    Raises: re2.error.
    """
    return re2.compile(_lines(pattern), _options())


def compile_union(patterns: Iterable[str]) -> Any:
    """Compile one pattern that matches where any of them does; it falls back to slower search when memory runs out."""
    return re2.compile(_lines("|".join(f"(?:{pattern})" for pattern in patterns)), _options())


def compile_set(patterns: Iterable[str]) -> Any:
    """Compile a set that says which of the patterns are in a line; it answers "none" when its memory runs out."""
    patterns_set = re2.Set.SearchSet(_options())
    for pattern in patterns:
        patterns_set.Add(_lines(pattern))
    patterns_set.Compile()
    return patterns_set


def _lines(pattern: str) -> bytes:
    return f"(?m){pattern}".encode()


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # any byte is a character, so offsets are those of the bytes
    options.max_mem = MAX_PATTERN_BYTES
    options.log_errors = False
    options.never_nl = True
    return options

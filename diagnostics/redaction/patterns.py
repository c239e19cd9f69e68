"""Compiling RE2 patterns over bytes, in linear time and with every byte a character."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN_BYTES = 64 * 1024 * 1024


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str, *, within_lines: bool = False) -> Any:
    """Compile a rule's pattern, once a process; see `compile_once` for what it means."""
    return compile_once(pattern, within_lines=within_lines)


def compile_once(pattern: str, *, within_lines: bool = False) -> Any:
    """Compile as Latin-1, so that no byte is invalid and `[^x]` takes every other byte.

    A plain pattern, never a `re2.Set`: a set whose automaton runs out of memory reports "no match", which would leak.
    With `within_lines` no match contains a line end, so that it cannot depend on the lines that follow.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = MAX_PATTERN_BYTES
    options.log_errors = False
    options.never_nl = within_lines
    return re2.compile(pattern.encode("utf-8"), options)


def union(patterns: Iterable[str]) -> str:
    """Give one pattern that matches where any of them does, with `^` and `$` at line ends."""
    return "(?m)" + "|".join(f"(?:{pattern})" for pattern in dict.fromkeys(patterns))

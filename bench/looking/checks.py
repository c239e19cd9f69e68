"""Checks of the bench, known to whichever process imports this; each looks only at stacks named for it.

A hung look waits in poll() without end, inside the C library and without the interpreter's lock: that is where
getaddrinfo waits for a resolver that never answers. No deadline of the check's own reaches it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, cast

from diagnostics.checks.base import Check
from diagnostics.checks.registry import all_checks
from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing
from diagnostics.stack import StackConfig

DEADLINE_SECONDS = 2.0
LINGER_SECONDS = 1.5
WITHOUT_END = -1


@dataclass(frozen=True, kw_only=True)
class BenchCheck(Check):
    """A check that applies to the stacks that are named for it."""

    suites: ClassVar[frozenset[str]] = frozenset({"database"})
    deadline_seconds: ClassVar[float] = DEADLINE_SECONDS

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Leave every stack alone that is not named for this check."""
        return None if stack.name.startswith(self.slug.partition(".")[2]) else "not a stack of this check"

    def _pass(self, seeing: Seeing) -> Finding:
        seen = seeing.keep("note", source="bench", content="nothing to see")
        return Finding(state=State.PASS, code="fine", message="nothing to see", citations=(seen.whole(),))


@dataclass(frozen=True, kw_only=True)
class Hung(BenchCheck):
    """Never comes back."""

    slug: ClassVar[str] = "bench.hung"
    title: ClassVar[str] = "Never comes back"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Wait for nothing, without end."""
        ctypes.CDLL(None).poll(None, 0, WITHOUT_END)
        yield self._pass(seeing)


@dataclass(frozen=True, kw_only=True)
class Slow(BenchCheck):
    """Takes its time, within its deadline: the innocent one."""

    slug: ClassVar[str] = "bench.slow"
    title: ClassVar[str] = "Takes its time"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Linger."""
        time.sleep(LINGER_SECONDS)
        yield self._pass(seeing)


@dataclass(frozen=True, kw_only=True)
class Swift(BenchCheck):
    """Does no more than every look does."""

    slug: ClassVar[str] = "bench.swift"
    title: ClassVar[str] = "Does next to nothing"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Keep one line."""
        yield self._pass(seeing)


def register() -> None:
    """Add the checks to this process's registry."""
    known = cast("dict[str, Check]", all_checks())
    for one in (Hung(), Slow(), Swift()):
        known[one.slug] = one

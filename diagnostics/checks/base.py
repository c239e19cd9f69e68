"""The contract of a check: a frozen dataclass with `look()`, whose fields are its configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.result import Finding
from diagnostics.checks.seeing import Seeing
from diagnostics.stack import StackConfig
from diagnostics.stack.schema import SUITES as SUITES


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """Looks at one thing and only reads; everything it needs comes in by `Seeing`."""

    slug: ClassVar[str]  # id, file name and URL: category.name
    title: ClassVar[str]  # what it looks at, in a few plain words
    suites: ClassVar[frozenset[str]]  # besides `full`, which holds every check
    requires: ClassVar[tuple[str, ...]] = ()  # slugs; when one of them blocks, this one is skipped
    after: ClassVar[tuple[str, ...]] = ()  # slugs; goes when they are done, whatever came of them
    version: ClassVar[int] = 1
    deadline_seconds: ClassVar[float] = 10.0  # for the whole look; the process that looks is killed after it

    @property
    def category(self) -> str:
        """Give the part of the slug before the dot."""
        return self.slug.partition(".")[0]

    @property
    def runbook_uri(self) -> str:
        """Give the page that explains the check, relative to the documentation."""
        return f"checks/{self.slug}.md"

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Say why the stack has nothing for this check to look at, or give None."""
        return None

    @abstractmethod
    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look, and give at least one finding.

        Raises: CouldNotLook where the look itself fails.
        """

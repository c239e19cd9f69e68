"""Refusals of the stack description.

StackError
├── StackInvalid        the file breaks its schema; `problems` name key, line and what to do
└── SecretUnavailable   a secret reference could not be resolved; never holds the value
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StackError(Exception):
    """Base of what the stack description refuses."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a stack.toml: where it stands and what to do."""

    key: str  # dotted path, e.g. "services.api.role"
    line: int | None  # 1-based line in the TOML text; None where there was no text
    message: str

    def __str__(self) -> str:
        """Give `line 12, services.api.role: ...`."""
        where = f"line {self.line}, {self.key}" if self.line else self.key
        return f"{where}: {self.message}"


class StackInvalid(StackError):
    """The description breaks its schema."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class SecretUnavailable(StackError):
    """A secret could not be read; the message names the reference, never a value."""

"""How a program has ended that an action ran, and the last that it said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended."""

    code: int
    output: str  # what it said, cut at the end of a line where it is too much

    @property
    def last_line(self) -> str:
        """Give the last line that says something."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    @property
    def complaint(self) -> str:
        """Give the line that says why one of PostgreSQL's programs failed, and not the details below it."""
        lines = [line.strip() for line in self.output.splitlines() if "error:" in line]
        return next(iter(lines), self.last_line) or f"exit code {self.code}"

    def tail(self, characters: int) -> str:
        """Give the last whole lines within a limit; a cut through a line would leave half of a secret, unknown."""
        if len(self.output) <= characters:
            return self.output
        return self.output[-characters:].partition("\n")[2] or "[cut: a line too long to show]"

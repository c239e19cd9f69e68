"""Where a service's lines come from, behind one small interface: log files here, a container's log another day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin in what is there: at the first line of a window of time, with no more than so many lines."""

    lines: int | None = None
    since: datetime | None = None


class LogSource(Protocol):
    """The log of one service in one place; bytes come in pieces that may be cut anywhere, and rather small ones."""

    @property
    def name(self) -> str:
        """Give the name to show, where a service has several."""

    @property
    def is_found(self) -> bool:
        """Say whether there was a log to read."""

    def read(self) -> bytes:
        """Give what comes next, b"" where nothing is there now; the first calls give what `Start` asked for."""

    def happened(self) -> list[str]:
        """Give, once, what happened to the source since the last call, in plain words."""

    def close(self) -> None:
        """Let go of it."""

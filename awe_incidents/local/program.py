"""What a supervised program is: a value that says how to start it, when it is ready and how it likes to be stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from awe_incidents.local.accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """How a program that ended unasked is started again: waits double from the first to the longest, up to a limit."""

    limit: int = 5
    first_seconds: float = 0.2
    longest_seconds: float = 15.0
    forgiven_after_seconds: float = 60.0  # up this long, and earlier failures no longer count

    def wait_seconds(self, failures: int) -> float:
        """Give the pause before the next start after this many failures in a row (1 or more)."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))


NEVER = Restart(limit=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program under supervision; `env` is the whole environment it gets and may hold secrets, argv never does.

    `prepare` runs before each start, in the supervisor: keep it short. `is_clear` is asked before each start until it
    says that nothing of an earlier life stands in the way. `is_ready` must answer within a second; None: ready at once.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    account: Account | None = None
    after: tuple[str, ...] | None = None  # names that must be ready first; None: every program listed before
    prepare: Callable[[], None] | None = None
    cleanup: Callable[[], None] | None = None  # after it was stopped
    is_clear: Callable[[], bool] | None = None
    is_ready: Callable[[], bool] | None = None
    ready_seconds: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    restart: Restart = field(default_factory=Restart)
    one_shot: bool = False  # ready when it ended with 0, and not started again
    essential: bool = True  # when it cannot be kept up, everything stops

"""Part of auth.security_log: events of logins counted in windows of time, and what is usual among earlier ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from diagnostics.probes.security_events import Event, Kind

WINDOW_SECONDS = 300
MAX_WINDOWS = 288  # a day
AHEAD_SECONDS = 60.0  # a stamp further ahead than this is no clock's honest error
LEAST_WINDOWS = 6
TO_NORMAL = 1.4826  # of the median absolute deviation to the standard deviation of a normal distribution
REFUSED = (Kind.FAILURE, Kind.ALG_NONE, Kind.ALG_REFUSED)


@dataclass(slots=True)
class Window:
    """One window of one source."""

    events: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)  # refused, by user
    addresses: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        """Count what was refused."""
        return sum(self.kinds[kind] for kind in REFUSED)

    @property
    def of_one_user(self) -> int:
        """Count the refusals of the user with the most."""
        return max(self.users.values(), default=0)

    @property
    def of_one_address(self) -> int:
        """Count the refusals of the address with the most."""
        return max(self.addresses.values(), default=0)


EMPTY = Window()


@dataclass(slots=True)
class Source:
    """What one file, or the files of one service, gave: windows by age, 0 for the present one."""

    name: str
    now: float  # epoch seconds
    windows: defaultdict[int, Window] = field(default_factory=lambda: defaultdict(Window))
    lines: int = 0
    unreadable: int = 0
    undated: int = 0
    ahead: int = 0

    def take(self, event: Event | None) -> None:
        """Count one line; what is dated ahead or not at all is counted apart."""
        self.lines += 1
        if event is None:
            self.unreadable += 1
        elif event.at is None:
            self.undated += 1
        elif event.at > self.now + AHEAD_SECONDS:
            self.ahead += 1
        elif (age := max(int((self.now - event.at) // WINDOW_SECONDS), 0)) < MAX_WINDOWS:
            window = self.windows[age]
            window.events += 1
            window.kinds[event.kind] += 1
            if event.kind in REFUSED:
                if event.user:
                    window.users[event.user] += 1
                if event.address:
                    window.addresses[event.address] += 1

    def window(self, age: int) -> Window:
        """Give a window, an empty one where nothing was recorded."""
        return self.windows.get(age, EMPTY)

    def earlier(self, recent: int, count: Callable[[Window], int]) -> list[int]:
        """Give the counts of the windows before the recent ones, back to the first that was recorded whole."""
        return [count(self.window(age)) for age in range(recent, max(self.windows, default=0))]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a count in one window is too high, and what it was compared with."""

    warn: float
    fail: float
    usual: float | None  # None where too little is known, or nothing was usual
    windows: int


def limits_of(
    earlier: Sequence[int], *, warn: float, fail: float, times: tuple[float, float], least: float = 1.0
) -> Limits:
    """Give so many times the middle of the earlier windows, and beyond their scatter; else the given numbers.

    The middle and the median deviation are used, so that an earlier burst does not make the next one usual. A middle
    below `least` counts as that.
    """
    middle = float(median(earlier)) if len(earlier) >= LEAST_WINDOWS else 0.0
    if middle < 1:
        return Limits(warn, fail, None, len(earlier))
    scatter = middle + 3 * TO_NORMAL * median(abs(count - middle) for count in earlier)
    base = max(middle, least)
    return Limits(max(times[0] * base, scatter), max(times[1] * base, scatter), middle, len(earlier))

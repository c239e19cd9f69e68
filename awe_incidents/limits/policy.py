"""What is allowed, and what one try came to (pure).

The algorithm is GCRA, a leaky bucket without a thread that leaks: of a subject one number is kept, the moment at which
its bucket is empty again. Each try that is allowed moves it by one interval; one that would move it further ahead than
a full bucket is refused and moves nothing. Any burst up to the quota passes at once, and over any length of time no
more than quota plus the rate pass, so that there is no border between windows to double a burst at.
"""

from __future__ import annotations

from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `quota` tries at once, and as many again within `window_seconds`."""

    name: str
    quota: int
    window_seconds: int

    @property
    def interval(self) -> int:
        """Give the time in microseconds in which one try is given back."""
        return self.window_seconds * MICROSECONDS // self.quota

    @property
    def full(self) -> int:
        """Give the time in microseconds that a full bucket takes to empty."""
        return self.interval * self.quota

    def verdict(self, *, is_allowed: bool, level: int) -> Verdict:
        """Say what a try came to; `level` is how many microseconds the bucket takes to empty now."""
        remaining = max(self.full - level, 0) // self.interval
        more_after = level + (remaining + 1) * self.interval - self.full
        return Verdict(
            policy=self, is_allowed=is_allowed, remaining=remaining, more_after_seconds=max(_seconds_up(more_after), 1)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a try is allowed, and what a client may be told of its quota."""

    policy: Policy
    is_allowed: bool
    remaining: int
    more_after_seconds: int  # until one more try is there; after a refusal the time to wait, at least 1


def after_try(policy: Policy, *, empty_at: int, now: int) -> tuple[bool, int]:
    """Give whether a try is allowed, and when the bucket is empty then; times in microseconds of any one clock.

    A moment further ahead than a full bucket is left from a larger policy or a clock that was set back, and is cut.
    """
    empty_at = min(max(empty_at, now), now + policy.full)
    if empty_at + policy.interval - now > policy.full:
        return False, empty_at
    return True, empty_at + policy.interval


def _seconds_up(microseconds: int) -> int:
    return -(-microseconds // MICROSECONDS)

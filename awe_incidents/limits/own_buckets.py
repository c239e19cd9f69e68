"""Buckets in the memory of one process, for the time that Redis is away: the same rule, bounded in number."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from awe_incidents.limits.policy import Policy, after_try

MAX_BUCKETS = 10_000  # about 2 MB; whoever came longest ago is forgotten first


def _now() -> int:
    return time.monotonic_ns() // 1000


class OwnBuckets:
    """Buckets by key; may be shared by threads."""

    def __init__(self, *, max_buckets: int = MAX_BUCKETS, clock: Callable[[], int] = _now) -> None:
        self._max_buckets = max_buckets
        self._clock = clock
        self._empty_at: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, policy: Policy, key: str) -> tuple[bool, int]:
        """Give whether a try is allowed, and how many microseconds the bucket takes to empty."""
        with self._lock:
            now = self._clock()
            is_allowed, empty_at = after_try(policy, empty_at=self._empty_at.get(key, now), now=now)
            self._empty_at[key] = empty_at
            self._empty_at.move_to_end(key)
            if len(self._empty_at) > self._max_buckets:
                self._empty_at.popitem(last=False)
            return is_allowed, empty_at - now

    def empty(self, key: str) -> None:
        """Give the whole quota back."""
        with self._lock:
            self._empty_at.pop(key, None)

    def __len__(self) -> int:
        """Count the buckets."""
        return len(self._empty_at)

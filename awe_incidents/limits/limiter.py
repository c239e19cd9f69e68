"""Limits that hold across processes while Redis answers, and in each process by itself while it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
import structlog

from awe_incidents.limits.own_buckets import OwnBuckets
from awe_incidents.limits.policy import Policy, Verdict
from awe_incidents.limits.redis_buckets import RedisBuckets

SILENT_SECONDS = 5.0  # after a failure nobody asks Redis for so long; then one asks, while the others do not wait

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Limiter:
    """Spends tries from buckets; may be shared by threads. It never fails, and waits for Redis once, shortly."""

    def __init__(self, url: str, *, silent_seconds: float = SILENT_SECONDS) -> None:
        self._shared = RedisBuckets(url)
        self._own = OwnBuckets()
        self._silent_seconds = silent_seconds
        self._silent_until: float | None = None  # None while Redis answers
        self._asking = threading.Lock()

    def spend(self, policy: Policy, subject: str) -> Verdict:
        """Spend one try of a subject."""
        key = _key(policy, subject)
        spent = self._asked(lambda: self._shared.spend(policy, key))
        is_allowed, level = self._own.spend(policy, key) if spent is None else spent
        return policy.verdict(is_allowed=is_allowed, level=level)

    def give_back(self, policy: Policy, subject: str) -> None:
        """Give a subject its whole quota back."""
        key = _key(policy, subject)
        self._asked(lambda: self._shared.empty(key))
        self._own.empty(key)

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """Ask Redis; None while it is away."""
        silent_until = self._silent_until  # another thread may change it
        if silent_until is None:
            return self._answer(ask)
        if time.monotonic() < silent_until or not self._asking.acquire(blocking=False):
            return None
        try:
            return self._answer(ask)
        finally:
            self._asking.release()

    def _answer(self, ask: Callable[[], T]) -> T | None:
        try:
            answer = ask()
        except (redis.RedisError, OSError) as error:
            if self._silent_until is None:
                log.warning("limits hold in each process only, Redis does not answer", error=type(error).__name__)
            self._silent_until = time.monotonic() + self._silent_seconds
            return None
        if self._silent_until is not None:
            log.info("limits hold across processes again")
            self._silent_until = None
        return answer


@cache
def limiter_at(url: str) -> Limiter:
    """Give this process's limiter on a Redis."""
    return Limiter(url)


def _key(policy: Policy, subject: str) -> str:
    return f"limit:{policy.name}:{subject}"

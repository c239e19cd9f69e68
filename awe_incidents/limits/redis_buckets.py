"""Buckets in Redis, shared by every process: one script decides and writes, so that tries at once cannot both pass."""

from __future__ import annotations

from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from awe_incidents.limits.policy import Policy

TIMEOUT_SECONDS = 0.25  # for connecting and for an answer: a Redis that hangs must not hold a request for longer

# `after_try` in Lua, by Redis's own clock; numbers are exact below 2^53, which microseconds reach in the year 2255.
_TRY = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, full = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
empty_at = math.min(math.max(empty_at, now), now + full)
if empty_at + interval - now > full then
  return {0, empty_at - now}
end
empty_at = empty_at + interval
redis.call('SET', KEYS[1], string.format('%.0f', empty_at), 'PX', math.ceil((empty_at - now) / 1000))
return {1, empty_at - now}
"""


class RedisBuckets:
    """Buckets by key; each ends by itself when it is empty, so that their number is bounded by who came lately."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # neither a greeting nor who we are before the first command: each would wait once more
            driver_info=None,
        )
        self._try = self._client.register_script(_TRY)

    def spend(self, policy: Policy, key: str) -> tuple[bool, int]:
        """Give whether a try is allowed, and how many microseconds the bucket takes to empty.

        Raises: redis.RedisError.
        """
        answer = cast("list[Any]", self._try(keys=[key], args=[policy.interval, policy.full]))
        return bool(answer[0]), int(answer[1])

    def empty(self, key: str) -> None:
        """Give the whole quota back.

        Raises: redis.RedisError.
        """
        self._client.delete(key)

"""The job queue: three Redis lists and the form of a job in them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared import config

WAITING = "awe:jobs"
PROCESSING = "awe:jobs:processing"
DEAD = "awe:jobs:dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it lies in the lists."""

    id: str
    tool: str
    args: dict[str, Any]
    token: str = field(repr=False)  # the caller's; the worker verifies it again
    user: str | None
    queued_at: float | None = None  # seconds since the epoch

    def to_json(self) -> str:
        """Give the text that is queued."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what was queued; fields that an older api did not send stay empty."""
        found = json.loads(text)
        return cls(
            id=found["id"],
            tool=found["tool"],
            args=found["args"],
            token=found["token"],
            user=found.get("user"),
            queued_at=found.get("queued_at"),
        )


@cache
def client(*, timeout_seconds: float = 4) -> redis.Redis:
    """Give the connection pool of this process; it does not retry by itself, so that a stopped Redis shows at once."""
    return redis.Redis.from_url(
        config.current().redis_url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=4,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )

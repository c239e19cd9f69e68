"""Part of DB-09: whether the Redis of the stack's queue turns connections away or evicts keys now: INFO, twice.

Fail: `redis.rejecting` (connections were rejected while it was watched; it has no more room for clients). Warn:
`redis.evicting` (keys were evicted: jobs may be lost). Pass: `redis.steady`. Skip: `redis.info_not_permitted` (the
finding of database.redis). Error: the code of database.redis, where the server answered that one and not this one.
Watched for a second [ours]. It stands apart so that what needs Redis to answer does not wait for it. It cannot see what
was lost before; the counters since the start are in the evidence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.redis import Limits, RedisFailure, connected, figure, info
from diagnostics.stack import Queue, StackConfig

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 6.0
BETWEEN_SECONDS = 1.0
COUNTERS = (
    ("rejected_connections", State.FAIL, "redis.rejecting", "rejected {0:g} connection(s)"),
    ("evicted_keys", State.WARN, "redis.evicting", "evicted {0:g} key(s)"),
)

Info = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RedisLosses(Check):
    """The counters of the Redis that [queue] names."""

    slug: ClassVar[str] = "database.redis_losses"
    title: ClassVar[str] = "Redis turns no connection away and evicts no key"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("database.redis",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a queue is described."""
        return None if stack.queue else "the stack describes no [queue]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask twice, then judge what changed in between."""
        queue = seeing.stack.queue
        assert queue is not None
        target = f"{queue.host}:{queue.port}/{queue.database}"
        try:
            samples = _two_samples(seeing, queue)
        except RedisFailure as failure:
            raise CouldNotLook(failure.text, code=failure.code, target=target) from None
        if samples is None:
            text = f"{target}: the account may not use INFO, so nothing can be watched"
            yield Finding(state=State.SKIP, code="redis.info_not_permitted", message=text, target=target)
            return
        yield from _judged(seeing, target, *samples)


def _two_samples(seeing: Seeing, queue: Queue) -> tuple[Info, Info] | None:
    """Give INFO twice, or None where the account may not ask for it. Raises: RedisFailure, SecretUnavailable."""
    password = seeing.secret(queue.password) if queue.password else None
    ends_at = time.monotonic() + seeing.seconds_left(at_most=TOTAL_SECONDS)
    limits = Limits(connect_seconds=seeing.seconds_left(at_most=CONNECT_SECONDS), ends_at=ends_at)
    with connected(queue, password=password, limits=limits) as client:
        first = info(client)
        if first is None:
            return None
        time.sleep(BETWEEN_SECONDS)
        return first, info(client) or {}


def _judged(seeing: Seeing, target: str, before: Info, now: Info) -> Iterator[Finding]:
    lines = [f"{name}: {before.get(name)} -> {now.get(name)}" for name, *_ in COUNTERS]
    evidence = seeing.keep("query_result", source=f"INFO {target}, twice", content=lines)
    more = {name: figure(now, name) - figure(before, name) for name, *_ in COUNTERS}
    measured = {name: Measurement(count) for name, count in more.items()}
    lost = [one for one in COUNTERS if more[one[0]] > 0]
    for name, state, code, said in lost:
        yield Finding(
            state=state,
            code=code,
            message=f"{target} {said.format(more[name])} while it was watched",
            target=target,
            measured=measured,
            citations=(evidence.whole(),),
            blocks=False,
        )
    if not lost:
        yield Finding(
            state=State.PASS,
            code="redis.steady",
            message=f"{target} rejected no connection and evicted no key while it was watched",
            target=target,
            measured=measured,
            citations=(evidence.whole(),),
        )

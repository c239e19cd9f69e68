"""DB-09: PING, then INFO, on the Redis of the stack's queue.

Fail: not reached or refused, by code (`redis.refused`, `redis.auth`, `redis.dns`, `redis.timeout`, `redis.loading`,
`redis.tls`, `redis.protocol`, `redis.max_clients`, `redis.not_permitted`, `redis.no_database`, `redis.closed` ...);
`redis.replica` (nothing can be queued there), `redis.save_failed` and `redis.append_failed` (the last write to disk
failed), `redis.clients` and, where nothing is evicted, `redis.memory` at 95 % [ours]. Warn: the same two at 80 %
[ours], `redis.evicting_policy` (a queue that may lose jobs), `redis.no_maxmemory`, `redis.info_not_permitted`.
Pass: `redis.answered`. Thresholds: memory_percent, memory_fail_percent, clients_percent, clients_fail_percent. A server
that accepts and never answers is a finding (`redis.timeout`), for the application sees that, too. What changes while it
is watched is looked at by database.redis_losses, for which nobody has to wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.redis import Limits, RedisFailure, connected, figure, info
from diagnostics.stack import Queue, StackConfig

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 6.0
PERCENT = {"warn": 80.0, "fail": 95.0}
SHOWN = (
    "redis_version",
    "role",
    "loading",
    "uptime_in_seconds",
    "connected_clients",
    "maxclients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "maxmemory_policy",
    "rdb_last_bgsave_status",
    "aof_enabled",
    "aof_last_write_status",
)

Info = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RedisAnswers(Check):
    """The Redis that [queue] names."""

    slug: ClassVar[str] = "database.redis"
    title: ClassVar[str] = "Redis answers, keeps what it is given and has room"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "network.published_ports")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a queue is described."""
        return None if stack.queue else "the stack describes no [queue]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask, then judge the state that it tells."""
        queue = seeing.stack.queue
        assert queue is not None
        target = f"{queue.host}:{queue.port}/{queue.database}"
        password = seeing.secret(queue.password) if queue.password else None
        ends_at = time.monotonic() + seeing.seconds_left(at_most=TOTAL_SECONDS)
        limits = Limits(connect_seconds=seeing.seconds_left(at_most=CONNECT_SECONDS), ends_at=ends_at)
        began = time.monotonic()
        try:
            with connected(queue, password=password, limits=limits) as client:
                client.ping()
                milliseconds = round((time.monotonic() - began) * 1000, 1)
                told = info(client)
        except RedisFailure as failure:
            yield _failed(seeing, queue, target, failure)
            return
        answered = _answered(seeing, target, milliseconds, told)
        yield answered
        if told is not None:
            yield from _judged(seeing, target, told, answered.citations)


def _failed(seeing: Seeing, queue: Queue, target: str, failure: RedisFailure) -> Finding:
    who = queue.user or "the default user"
    evidence = seeing.keep("command", source=f"PING {target} as {who}", content=[f"{failure.code}: {failure.text}"])
    return Finding(
        state=State.FAIL,
        code=failure.code,
        message=seeing.clean(f"{queue.service}: {who} cannot use {target}: {failure.text}"),
        target=target,
        citations=(evidence.whole(),),
    )


def _answered(seeing: Seeing, target: str, milliseconds: float, told: Info | None) -> Finding:
    if told is None:
        evidence = seeing.keep("command", source=f"PING {target}", content=["PONG; INFO is not permitted"])
        message = f"{target} answered, but the account may not use INFO, so memory and disk were not looked at"
        state, code = State.WARN, "redis.info_not_permitted"
    else:
        lines = [f"{name}: {told[name]}" for name in SHOWN if name in told]
        evidence = seeing.keep("query_result", source=f"INFO {target}", content=lines or ["(empty)"])
        message = f"{target} answered in {milliseconds:g} ms"
        state, code = State.PASS, "redis.answered"
    return Finding(
        state=state,
        code=code,
        message=message,
        target=target,
        measured={"connect_and_ping": Measurement(milliseconds, "ms", lasts=True)},
        citations=(evidence.whole(),),
    )


def _judged(seeing: Seeing, target: str, now: Info, cited: tuple[Citation, ...]) -> Iterator[Finding]:
    for state, code, message, blocks in _faults(now):
        yield Finding(
            state=state, code=code, message=f"{target} {message}", target=target, citations=cited, blocks=blocks
        )
    yield from _share(
        seeing, target, cited, name="clients", used=figure(now, "connected_clients"), of=figure(now, "maxclients")
    )
    if figure(now, "maxmemory"):
        evicts = now.get("maxmemory_policy") != "noeviction"
        yield from _share(
            seeing,
            target,
            cited,
            name="memory",
            used=figure(now, "used_memory"),
            of=figure(now, "maxmemory"),
            never_fails=evicts,
        )


def _faults(now: Info) -> Iterator[tuple[State, str, str, bool]]:
    if now.get("role") in {"slave", "replica"}:
        yield State.FAIL, "redis.replica", "is a replica, so no job can be queued there", True
    if now.get("loading") in {1, "1"}:
        yield State.FAIL, "redis.loading", "is still loading its data", True
    if now.get("rdb_last_bgsave_status", "ok") != "ok":
        yield State.FAIL, "redis.save_failed", "could not write its last snapshot to disk", False
    if now.get("aof_enabled") in {1, "1"} and now.get("aof_last_write_status", "ok") != "ok":
        yield State.FAIL, "redis.append_failed", "could not write its append-only file", False
    if now.get("maxmemory") == 0:
        yield State.WARN, "redis.no_maxmemory", "has no maxmemory: it grows until the host has none left", False
    elif now.get("maxmemory_policy", "noeviction") != "noeviction":
        policy = f"evicts keys when full ({str(now['maxmemory_policy'])[:30]}), and so may lose jobs"
        yield State.WARN, "redis.evicting_policy", policy, False


def _share(
    seeing: Seeing,
    target: str,
    cited: tuple[Citation, ...],
    *,
    name: str,
    used: float,
    of: float,
    never_fails: bool = False,
) -> Iterator[Finding]:
    warn = seeing.threshold(f"{name}_percent", PERCENT["warn"], unit="%")
    fail = seeing.threshold(f"{name}_fail_percent", PERCENT["fail"], unit="%")
    percent = 100 * used / of if of else 0.0
    if percent < warn.value:
        return
    is_fail = percent >= fail.value and not never_fails
    yield Finding(
        state=State.FAIL if is_fail else State.WARN,
        code=f"redis.{name}",
        message=f"{target} uses {percent:.0f} % of its {name} ({used:.0f} of {of:.0f})",
        target=target,
        measured={name: Measurement(round(percent, 1), "%")},
        threshold=fail if is_fail else warn,
        citations=cited,
        blocks=False,
    )

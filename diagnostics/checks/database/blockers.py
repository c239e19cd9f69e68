"""DB-05: sessions of PostgreSQL that keep others waiting, keep a transaction open, or run a statement for long.

From `pg_stat_activity` and `pg_blocking_pids()`, of all databases of a server. Who waits is drawn as a tree below the
session at its root, which is the one to talk to (or to end: `SELECT pg_terminate_backend(pid)` is an operator's step,
never a check's). Query texts are shown without their literals.
Warn: somebody waits for a lock for 1 min, fail: for 2 min (`blockers.lock_wait`) [check_postgres, action locks_wait];
warn: a transaction is open without doing anything for 60 s [PgHero, long_running_query_sec], fail: for 300 s [ours]
(`blockers.idle_in_transaction`); warn: a statement runs for 60 s (`blockers.long_query`) [PgHero]. Pass:
`blockers.none`, or `blockers.waiting` where somebody waits for 2 s, or for however short behind a transaction that has
done nothing for 2 s: whoever gives up in time and tries again never waits for long. Where there is such a transaction
and nobody waits, it looks twice more within two seconds [ours]. Thresholds: `lock_wait_seconds`,
`lock_wait_fail_seconds`, `idle_in_transaction_seconds`, `idle_in_transaction_fail_seconds`, `query_seconds`. An
application whose statements time out after 8 s, say, never waits for a minute: then the idle transaction at the root is
what is found. Without pg_monitor the texts and states of other roles' sessions cannot be seen
(`blockers.not_permitted`, a warning). What the guide writes, `docker-compose exec database pg_stat_activity`, cannot
work: that is a view, not a program; `psql -c 'SELECT * FROM pg_stat_activity'` shows it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import ClassVar

import psycopg
from psycopg.rows import DictRow

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import NO_DATABASES, server_name, servers, watchers_before, watching
from diagnostics.probes.postgres_sessions import (
    HIDDEN,
    PREPARED,
    Block,
    Session,
    blocks_among,
    sessions_of,
    tree_of,
)
from diagnostics.stack import Database, StackConfig

CHECK_POSTGRES, PGHERO = "check_postgres locks_wait", "PgHero long_running_query_sec"
LIMITS = {
    "lock_wait_seconds": (60.0, CHECK_POSTGRES),
    "lock_wait_fail_seconds": (120.0, CHECK_POSTGRES),
    "idle_in_transaction_seconds": (60.0, PGHERO),
    "idle_in_transaction_fail_seconds": (300.0, "ours"),
    "query_seconds": (60.0, PGHERO),
}
SHORT_WAIT_SECONDS = 2.0  # log_lock_waits tells of them after 1 s, deadlock_timeout
LOOKS = 3  # while a transaction idles and nobody waits: between two tries of whoever gave up
PAUSE_SECONDS = 0.8
SHOWN = 50  # sessions of each kind


@dataclass(frozen=True, kw_only=True)
class Blockers(Check):
    """Each database server once."""

    slug: ClassVar[str] = "database.blockers"
    title: ClassVar[str] = "No session of PostgreSQL keeps others waiting"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct",)
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask every server."""
        yield from look_at_each(seeing, servers(seeing.stack), partial(_look_at, seeing), named=server_name)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one server's sessions do, and the evidence with the line of each."""

    seeing: Seeing
    target: str
    sessions: Sequence[Session]
    blocks: Sequence[Block]
    evidence: Evidence
    line_numbers: Mapping[int, int]  # by process id

    def limits(self, name: str) -> tuple[Threshold, Threshold]:
        """Give the limits in seconds for a warning and for a failure."""
        return self.limit(f"{name}_seconds"), self.limit(f"{name}_fail_seconds")

    def limit(self, name: str) -> Threshold:
        """Give a limit in seconds."""
        default, reference = LIMITS[name]
        return self.seeing.threshold(name, default, unit="s", reference=reference)

    def cite(self, sessions: Iterable[Session]) -> tuple[Citation, ...]:
        """Cite the lines of sessions."""
        numbers = sorted(self.line_numbers[one.pid] for one in sessions if one.pid in self.line_numbers)
        return tuple(self.evidence.lines(number) for number in numbers) or (self.evidence.whole(),)


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    with watching(seeing, database) as connection:
        sessions = _caught(seeing, connection)
    blocks, target = blocks_among(sessions), server_name(database)
    lines, numbers = _shown(sessions, blocks)
    source = f"{target}: pg_stat_activity, pg_blocking_pids()"
    evidence = seeing.keep("query_result", source=source, content=lines or ["no session is in a transaction"])
    seen = _Seen(seeing, target, sessions, blocks, evidence, numbers)
    findings = [*_lock_waits(seen), *_idle(seen), *_long_queries(seen), *_not_permitted(seen)]
    yield from findings or list(_short_waits(seen)) or [_nothing(seen)]


def _caught(seeing: Seeing, connection: psycopg.Connection[DictRow]) -> Sequence[Session]:
    """Give what sessions do, again while somebody may be about to wait behind a transaction that idles."""
    sessions = sessions_of(connection)
    for _ in range(LOOKS - 1):
        is_idle = any(one.is_idle_in_transaction and (one.state_seconds or 0) >= SHORT_WAIT_SECONDS for one in sessions)
        if not is_idle or blocks_among(sessions):
            break
        time.sleep(seeing.seconds_left(at_most=PAUSE_SECONDS))
        sessions = sessions_of(connection)
    return sessions


def _shown(sessions: Sequence[Session], blocks: Sequence[Block]) -> tuple[list[str], dict[int, int]]:
    """Draw the trees, then every other session; give the lines and in which each session stands first."""
    lines, numbers = list[str](), dict[int, int]()

    def show(session: Session, depth: int) -> None:
        lines.append("  " * depth + _line(session))
        numbers.setdefault(session.pid, len(lines))

    for block in blocks[:SHOWN]:
        if block.root is None:
            lines.append(_nobody(block))
        else:
            show(block.root, 0)
        for depth, session in islice(tree_of(block), SHOWN):
            show(session, depth)
    for session in [one for one in sessions if one.pid not in numbers][:SHOWN]:
        show(session, 0)
    return lines, numbers


def _line(session: Session) -> str:
    text = f"{session.name}: {session.state}"
    if session.wait_seconds is not None and session.blocked_by:
        text += f", waits {session.wait_seconds:.1f} s for {session.wanted or 'a lock'}"
    elif session.state_seconds is not None:
        text += f" for {session.state_seconds:.1f} s"
    if session.transaction_seconds is not None:
        text += f", in a transaction for {session.transaction_seconds:.1f} s"
    return f"{text}: {session.query}" if session.query else text


def _nobody(block: Block) -> str:
    if block.root_pid == PREPARED:
        return "a prepared transaction (database.storage lists them)"
    return f"pid {block.root_pid}, which is not shown"


def _lock_waits(seen: _Seen) -> Iterator[Finding]:
    warn, fail = seen.limits("lock_wait")
    for block in seen.blocks:
        state = _state(block.longest_seconds, warn, fail)
        if state is State.PASS:
            continue
        root = f"{block.root.name}, {block.root.state}," if block.root else f"{_nobody(block)}"
        longest = max(block.waiting, key=lambda one: one.wait_seconds or 0.0)
        waiting = f"{_sessions(len(block.waiting))} waiting, {longest.name} for {block.longest_seconds:.0f} s"
        concerned = (*([block.root] if block.root else []), *block.waiting)
        yield _finding(
            seen,
            state,
            "blockers.lock_wait",
            f"{root} keeps {waiting} ({longest.wanted or 'a lock'})",
            measured={"waits": (block.longest_seconds, "s"), "waiting": (len(block.waiting), "")},
            threshold=fail if state is State.FAIL else warn,
            citations=seen.cite(concerned),
        )


def _short_waits(seen: _Seen) -> Iterator[Finding]:
    """Tell of waits that are not long yet: no verdict, but a hint where something else fails for want of an answer."""
    for block in seen.blocks:
        if max(block.longest_seconds, block.idle_seconds) >= SHORT_WAIT_SECONDS:
            root = f"{block.root.name}, {block.root.state}," if block.root else f"{_nobody(block)}"
            waiting = f"{_sessions(len(block.waiting))} waiting, for {block.longest_seconds:.0f} s at most"
            yield _finding(
                seen,
                State.PASS,
                "blockers.waiting",
                f"{root} keeps {waiting}: not long yet",
                measured={
                    "waits": (block.longest_seconds, "s"),
                    "idle": (block.idle_seconds, "s"),
                    "waiting": (len(block.waiting), ""),
                },
                threshold=None,
                citations=seen.cite((*([block.root] if block.root else []), *block.waiting)),
            )


def _idle(seen: _Seen) -> Iterator[Finding]:
    warn, fail = seen.limits("idle_in_transaction")
    idle = [one for one in seen.sessions if one.is_idle_in_transaction and (one.state_seconds or 0) >= warn.value]
    if not idle:
        return
    longest = max(idle, key=lambda one: one.state_seconds or 0.0)
    seconds = longest.state_seconds or 0.0
    state = _state(seconds, warn, fail)
    others = f", and {_sessions(len(idle) - 1)} more" if len(idle) > 1 else ""
    yield _finding(
        seen,
        state,
        "blockers.idle_in_transaction",
        f"{longest.name} keeps a transaction open and does nothing for {seconds:.0f} s{others}",
        measured={"idle": (seconds, "s"), "sessions": (len(idle), "")},
        threshold=fail if state is State.FAIL else warn,
        citations=seen.cite(idle),
    )


def _long_queries(seen: _Seen) -> Iterator[Finding]:
    limit = seen.limit("query_seconds")
    running = [one for one in seen.sessions if one.is_running and (one.query_seconds or 0) >= limit.value]
    if not running:
        return
    longest = max(running, key=lambda one: one.query_seconds or 0.0)
    others = f", and {_sessions(len(running) - 1)} more run too long" if len(running) > 1 else ""
    yield _finding(
        seen,
        State.WARN,
        "blockers.long_query",
        f"a statement of {longest.name} runs for {longest.query_seconds:.0f} s{others}",
        measured={"runs": (longest.query_seconds or 0.0, "s"), "sessions": (len(running), "")},
        threshold=limit,
        citations=seen.cite(running),
    )


def _not_permitted(seen: _Seen) -> Iterator[Finding]:
    hidden = [one for one in seen.sessions if one.state == HIDDEN]
    if hidden:
        text = (
            f"{_sessions(len(hidden))} of other roles cannot be looked into: GRANT pg_monitor to the role that watches"
        )
        yield _finding(seen, State.WARN, "blockers.not_permitted", text, citations=seen.cite(hidden))


def _nothing(seen: _Seen) -> Finding:
    text = f"{_sessions(len(seen.sessions))} in a transaction, none of them for long, and nobody waits for a lock"
    return _finding(seen, State.PASS, "blockers.none", text, citations=(seen.evidence.whole(),))


def _finding(
    seen: _Seen,
    state: State,
    code: str,
    text: str,
    *,
    measured: Mapping[str, tuple[float, str]] | None = None,
    threshold: Threshold | None = None,
    citations: tuple[Citation, ...],
) -> Finding:
    return Finding(
        state=state,
        code=code,
        message=seen.seeing.clean(text),
        target=seen.target,
        measured={name: Measurement(round(value, 1), unit) for name, (value, unit) in (measured or {}).items()},
        threshold=threshold,
        citations=citations,
        blocks=False,
    )


def _state(seconds: float, warn: Threshold, fail: Threshold) -> State:
    if seconds >= fail.value:
        return State.FAIL
    return State.WARN if seconds >= warn.value else State.PASS


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"

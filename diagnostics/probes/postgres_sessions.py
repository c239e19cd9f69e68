"""Probe of what sessions of PostgreSQL do: who waits for whose lock, who keeps a transaction open, what runs long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import DictRow

from diagnostics.probes.sql_text import normalized

MAX_SESSIONS = 500
HIDDEN = "hidden"  # the state of a session that the role may not look into
PREPARED = 0  # what pg_blocking_pids gives for a prepared transaction, which has no process
# pg_blocking_pids stops the lock manager for a moment, so it is asked only for those who wait. waitstart came with
# PostgreSQL 14; before, the statement's start is the earliest that the wait can have begun.
SESSIONS = """
SELECT a.pid, coalesce(a.usename, '') AS role, coalesce(a.datname, '') AS database,
       coalesce(a.application_name, '') AS application, coalesce(host(a.client_addr), '') AS address,
       CASE WHEN a.query = '<insufficient privilege>' THEN 'hidden' ELSE coalesce(a.state, 'unknown') END AS state,
       coalesce(a.backend_type, 'client backend') AS kind,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float AS transaction_seconds,
       extract(epoch FROM clock_timestamp() - a.state_change)::float AS state_seconds,
       extract(epoch FROM clock_timestamp() - a.query_start)::float AS query_seconds,
       extract(epoch FROM clock_timestamp() - coalesce(w.since, a.query_start))::float AS wait_seconds,
       coalesce(w.wanted, '') AS wanted,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END AS blocked_by,
       coalesce(left(a.query, 4000), '') AS query
FROM pg_stat_activity a
LEFT JOIN LATERAL (
    SELECT min((to_jsonb(l) ->> 'waitstart')::timestamptz) AS since,
           min(l.mode || ' on ' || coalesce(c.oid::regclass::text, l.locktype)) AS wanted
    FROM pg_locks l LEFT JOIN pg_class c
      ON c.oid = l.relation AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    WHERE l.pid = a.pid AND NOT l.granted AND a.wait_event_type = 'Lock'
) w ON true
WHERE a.pid <> pg_backend_pid() AND (a.usesysid IS NOT NULL OR a.backend_type = 'autovacuum worker')
  AND (a.xact_start IS NOT NULL OR a.query = '<insufficient privilege>')
ORDER BY a.xact_start NULLS LAST LIMIT %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session in a transaction; ages in seconds, None where they may not be seen."""

    pid: int
    role: str
    database: str
    application: str
    address: str
    state: str
    kind: str  # client backend, autovacuum worker, ...
    transaction_seconds: float | None
    state_seconds: float | None
    query_seconds: float | None
    wait_seconds: float | None
    wanted: str  # the lock that it waits for
    blocked_by: Sequence[int]
    query: str  # without literals

    @property
    def is_idle_in_transaction(self) -> bool:
        """Say whether it keeps a transaction open and does nothing."""
        return self.state.startswith("idle in transaction")

    @property
    def is_running(self) -> bool:
        """Say whether a client's statement runs, or waits for a lock."""
        return self.state == "active" and self.kind == "client backend"

    @property
    def name(self) -> str:
        """Give how people know it."""
        where = f" from {self.address}" if self.address else ""
        return f"pid {self.pid} {self.application or '(no name)'} ({self.role}@{self.database}{where})"


@dataclass(frozen=True, slots=True)
class Block:
    """Sessions that wait for others, by who stands at the root: nobody whom it waits for itself."""

    root: Session | None  # None for a prepared transaction, or who is gone already
    root_pid: int
    waiting: tuple[Session, ...]  # directly or behind another that waits

    @property
    def longest_seconds(self) -> float:
        """Give the longest wait."""
        return max((one.wait_seconds or 0.0 for one in self.waiting), default=0.0)

    @property
    def idle_seconds(self) -> float:
        """Give for how long the root has kept its transaction open and done nothing; 0 where it does something."""
        root = self.root
        return (root.state_seconds or 0.0) if root and root.is_idle_in_transaction else 0.0


def sessions_of(connection: psycopg.Connection[DictRow]) -> list[Session]:
    """Give the sessions in a transaction, the oldest first; that of the probe is left out."""
    rows = connection.execute(SESSIONS, (MAX_SESSIONS,))
    return [
        Session(**row | {"query": normalized(row["query"]), "blocked_by": tuple(row["blocked_by"])}) for row in rows
    ]


def blocks_among(sessions: Sequence[Session]) -> list[Block]:
    """Give the blocks, the longest wait first."""
    known = {one.pid: one for one in sessions}
    roots: dict[int, list[Session]] = {}
    for session in sessions:
        for root in _roots(session, known):
            roots.setdefault(root, []).append(session)
    blocks = [Block(known.get(pid), pid, tuple(waiting)) for pid, waiting in roots.items()]
    return sorted(blocks, key=lambda block: -block.longest_seconds)


def _roots(session: Session, known: Mapping[int, Session]) -> set[int]:
    """Follow who waits for whom to the end; in a circle, which the server will break, everybody is a root."""
    roots, seen, pending = set[int](), {session.pid}, list(session.blocked_by)
    while pending:
        pid = pending.pop()
        if pid in seen:
            continue
        seen.add(pid)
        further = known[pid].blocked_by if pid in known else ()
        pending.extend(further)
        if not further:
            roots.add(pid)
    return roots or set(session.blocked_by)


def tree_of(block: Block) -> Iterator[tuple[int, Session]]:
    """Give those who wait with their depth below the root, each once."""
    shown = {block.root_pid}
    pending = [(1, one) for one in _waiting_for(block.root_pid, block)]
    while pending:
        depth, session = pending.pop(0)
        if session.pid in shown:
            continue
        shown.add(session.pid)
        yield depth, session
        pending = [(depth + 1, one) for one in _waiting_for(session.pid, block)] + pending


def _waiting_for(pid: int, block: Block) -> list[Session]:
    return [one for one in block.waiting if pid in one.blocked_by]

"""DB-04: whether clients of PgBouncer wait, for what, and how many more it takes.

Asked is the console of `[databases.X.pooler]`, as its `admin_user` (one of stats_users or admin_users): SHOW CONFIG,
LISTS, POOLS, DATABASES, CLIENTS, by column name, as columns differ by version.
Warn: clients wait for a server connection and the first has waited 1 s [ours]; fail: half of query_wait_timeout [ours],
after which PgBouncer ends them (`pools.waiting`, with who has the connections; where query_wait_timeout is off, 60 s).
Warn at 90 %, fail at 95 % of max_client_conn (`pools.clients`) [check_postgres, pgbouncer_backends]. Fail:
`pools.paused`, `pools.disabled`. Pass: `pools.room`. Thresholds: `wait_seconds`, `wait_fail_seconds`,
`clients_percent`, `clients_fail_percent`.
While clients wait or have all connections of a pool, it looks for up to 4 s for the longest wait: those in the queue
may have just been ended, all at once as they came, and be about to ask again.
Where clients wait although the pool is not at its size, the server's side is short: then, and where the pooler takes no
connection at all, this check is skipped for database.postgres_pooled, which finds out whose fault that is. Error: the
console's login is refused. Without `admin_user` the check does not apply.
What the guide writes, `psql -U postgres -d pgbouncer -c "SHOW POOLS;"`, works for a user of admin_users or stats_users
only; others read "not allowed".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.pooling import address_of, hand_on_shortage, used_up
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.shares import share_of
from diagnostics.checks.watching import CONNECT_SECONDS
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.pgbouncer import Figures, Pool, figures_of
from diagnostics.probes.postgres import LOGIN_REFUSED, ConnectFailure
from diagnostics.stack import Database, Pooler, StackConfig

WATCHED_SECONDS, BETWEEN_SECONDS = 4.0, 0.5
WAIT_SECONDS = 1.0
WAIT_FOR_EVER_SECONDS = 120.0  # stands for query_wait_timeout where that is off: its default
REFERENCE = "check_postgres pgbouncer_backends"
POOLED = "database.postgres_pooled"
SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Pools(Check):
    """Each pooler whose console the stack gives a login to."""

    slug: ClassVar[str] = "database.pools"
    title: ClassVar[str] = "The pooler has connections for its clients"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "network.published_ports")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a console can be asked."""
        return None if _consoles(stack) else "the stack describes no [databases.*.pooler] with an admin_user"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask one console after the other."""
        yield from look_at_each(seeing, _consoles(seeing.stack), partial(_look_at, seeing), named=address_of)


def _consoles(stack: StackConfig) -> list[Database]:
    """Give one database of each pooler."""
    described = [one for one in stack.databases.values() if one.pooler and one.pooler.admin_user]
    return list({address_of(one): one for one in reversed(described)}.values())


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a console said."""

    seeing: Seeing
    database: Database
    figures: Figures
    citation: Citation

    def finding(
        self,
        state: State,
        code: str,
        text: str,
        *,
        measured: dict[str, Measurement] | None = None,
        threshold: Threshold | None = None,
    ) -> Finding:
        """Give a finding about the pooler; a failure is handed on, so that there is one red line."""
        if state is State.FAIL:
            hand_on_shortage(self.seeing, self.database)
        return Finding(
            state=state,
            code=code,
            message=self.seeing.clean(text),
            target=address_of(self.database),
            measured=measured or {},
            threshold=threshold,
            citations=(self.citation,),
            next_checks=() if state is State.PASS else ("database.blockers",),
            blocks=False,
        )


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    pooler = database.pooler
    assert pooler is not None
    password = seeing.secret(pooler.admin_password) if pooler.admin_password else None
    try:
        figures = _longest_wait(seeing, partial(figures_of, pooler, database, password=password))
    except ConnectFailure as failure:
        yield _not_let_in(seeing, database, pooler, failure)
        return
    source = f"{address_of(database)}: SHOW CONFIG, LISTS, POOLS, DATABASES, CLIENTS"
    evidence = seeing.keep("query_result", source=source, content=list(_lines(figures)))
    seen = _Seen(seeing, database, figures, evidence.whole())
    findings = [*_doors(seen), *_clients(seen), *_waiting(seen)]
    yield from findings or [_room(seen)]


def _longest_wait(seeing: Seeing, ask: Callable[..., Figures]) -> Figures:
    """Ask, and while clients wait or would have to go on asking; give the figures with the longest wait."""
    ends_at = time.monotonic() + WATCHED_SECONDS
    samples = [ask(connect_seconds=seeing.seconds_left(at_most=CONNECT_SECONDS))]
    while (samples[-1].clients_waiting or samples[-1].has_pool_used_up) and time.monotonic() < ends_at:
        time.sleep(BETWEEN_SECONDS)
        samples.append(ask(connect_seconds=seeing.seconds_left(at_most=CONNECT_SECONDS)))
    waiting = [figures for figures in samples if figures.clients_waiting]
    if len(waiting) < 2:
        return samples[-1]  # who waited has been served within a moment
    return max(waiting, key=lambda figures: figures.longest_wait_seconds)


def _not_let_in(seeing: Seeing, database: Database, pooler: Pooler, failure: ConnectFailure) -> Finding:
    target = address_of(database)
    if failure.code in LOGIN_REFUSED:
        text = f"{pooler.admin_user} cannot use the console of {target}: {failure}; is it one of stats_users?"
        raise CouldNotLook(text, code=failure.code, target=target)
    text = f"not looked at: the console of {target} does not answer ({failure.code}); {POOLED} has to be right first"
    return Finding(
        state=State.SKIP, code="prerequisite", message=seeing.clean(text), target=target, prerequisite=POOLED
    )


def _lines(figures: Figures) -> Iterator[str]:
    wait = f"{figures.query_wait_seconds:g} s" if figures.query_wait_seconds else "off"
    yield f"{figures.version}: {figures.clients} of {figures.max_clients} clients, query_wait_timeout {wait}"
    yield "pool (user@database): clients active/waiting, longest wait; servers active/idle/in login of pool size"
    for pool in figures.pools[:SHOWN]:
        clients = f"{pool.clients_active}/{pool.clients_waiting}, {pool.waits_seconds:.1f} s"
        servers = f"{pool.servers_active}/{pool.servers_idle}/{pool.servers_in_login} of {figures.size_of(pool)}"
        yield f"{pool.name}: {clients}; {servers}"
    for door in list(figures.doors.values())[:SHOWN]:
        state = f"{', paused' if door.is_paused else ''}{', disabled' if door.is_disabled else ''}"
        yield f"database {door.name} goes to {door.address}{state}"
    for one in figures.holders[:SHOWN]:
        who = f"{one.application or '(no name)'} ({one.user}@{one.database} from {one.address})"
        yield f"{one.clients} server connection(s) in use by {who}"


def _doors(seen: _Seen) -> Iterator[Finding]:
    for door in seen.figures.doors.values():
        for state, code in ((door.is_paused, "paused"), (door.is_disabled, "disabled")):
            if state:
                text = f"the database {door.name} is {code} in the pooler: its clients get no connection until an"
                end = {"paused": "RESUME", "disabled": "ENABLE"}[code]
                yield seen.finding(State.FAIL, f"pools.{code}", f"{text} operator says {end}")


def _clients(seen: _Seen) -> Iterator[Finding]:
    figures = seen.figures
    share = share_of(seen.seeing, used=figures.clients, of=figures.max_clients, reference=REFERENCE, prefix="clients_")
    if share.state is not State.PASS:
        text = f"{figures.clients} of {figures.max_clients} client connections are taken ({share.percent:.0f} %)"
        yield seen.finding(share.state, "pools.clients", text, measured=share.measured, threshold=share.threshold)


def _waiting(seen: _Seen) -> Iterator[Finding]:
    wait_timeout = seen.figures.query_wait_seconds or WAIT_FOR_EVER_SECONDS
    warn = seen.seeing.threshold("wait_seconds", WAIT_SECONDS, unit="s")
    half = f"half of query_wait_timeout, {wait_timeout:g} s [ours]"
    fail = seen.seeing.threshold("wait_fail_seconds", wait_timeout / 2, unit="s", reference=half)
    for pool in seen.figures.pools:
        door = seen.figures.doors.get(pool.database)
        if door and (door.is_paused or door.is_disabled):
            continue
        waits_long = pool.waits_seconds >= min(warn.value, fail.value)
        if not pool.clients_waiting or not (waits_long or pool.has_no_server):
            continue
        if not seen.figures.is_used_up(pool):
            yield _servers_side(seen, pool)
            continue
        is_fail = pool.waits_seconds >= fail.value
        text = f"{pool.clients_waiting} client(s) of {pool.name} wait, the first for {pool.waits_seconds:.1f} s"
        text += f": {used_up(seen.figures, pool)}"
        yield seen.finding(
            State.FAIL if is_fail else State.WARN,
            "pools.waiting",
            text,
            measured={
                "waiting": Measurement(pool.clients_waiting),
                "wait": Measurement(round(pool.waits_seconds, 1), "s"),
            },
            threshold=fail if is_fail else warn,
        )


def _servers_side(seen: _Seen, pool: Pool) -> Finding:
    text = (
        f"{pool.clients_waiting} client(s) of {pool.name} wait although the pool has {pool.servers_active} of"
        f" {seen.figures.size_of(pool)} server connections: the server's side is short; {POOLED} says why"
    )
    target = address_of(seen.database)
    return Finding(
        state=State.SKIP,
        code="prerequisite",
        message=seen.seeing.clean(text),
        target=target,
        citations=(seen.citation,),
        prerequisite=POOLED,
    )


def _room(seen: _Seen) -> Finding:
    figures = seen.figures
    waiting = f"{figures.clients_waiting} of them waiting for a server connection"
    text = f"{figures.clients} of {figures.max_clients} clients, {waiting}"
    return seen.finding(State.PASS, "pools.room", text, measured={"clients": Measurement(figures.clients)})

"""DB-03: how many of a PostgreSQL server's connections are taken, and by whom.

Counted are client connections in `pg_stat_activity` (that of the check itself is not), against `max_connections` less
`superuser_reserved_connections` and, from PostgreSQL 16 on, `reserved_connections`: what an ordinary role can have.
Warn at 90 %, fail at 95 % (`saturation.connections`) [check_postgres, action backends], named with the largest holder
and the table of all. The same of a limit that a role or a database has for itself (`ALTER ROLE ... CONNECTION LIMIT`):
`saturation.role_connections`, `saturation.database_connections`. Pass: `saturation.room`.
Thresholds: `percent`, `fail_percent`.
Where every connection is taken, database.postgres_direct is skipped for this check, which says who has them: that
needs a `[databases.X.monitor]` with a way in of its own (`pg_use_reserved_connections`, or a superuser). Without one
the check cannot look then: it is skipped, and database.postgres_direct fails with `postgres.slots`. It is skipped, too,
where the server lets nobody in for another reason.
It sees one moment: a burst between two runs leaves its traces in the server's log only (startup.logs).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.shares import share_of
from diagnostics.checks.watching import NO_DATABASES, server_name, servers, slots_seen, watchers_before
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.postgres import LOGIN_REFUSED, ConnectFailure
from diagnostics.probes.postgres_slots import Holder, Slots
from diagnostics.stack import Database, StackConfig

REFERENCE = "check_postgres backends"
SHOWN = 100
DIRECT = "database.postgres_direct"


@dataclass(frozen=True, kw_only=True)
class Saturation(Check):
    """Each database server once."""

    slug: ClassVar[str] = "database.saturation"
    title: ClassVar[str] = "PostgreSQL has connections left"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask every server."""
        yield from look_at_each(seeing, servers(seeing.stack), partial(_look_at, seeing), named=server_name)


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    target = server_name(database)
    try:
        slots = slots_seen(seeing, database)
    except ConnectFailure as failure:
        yield _not_let_in(seeing, database, failure)
        return
    evidence = seeing.keep("query_result", source=f"{target}: pg_stat_activity", content=list(_lines(slots)))
    yield _judged(seeing, database, slots, evidence.whole())
    yield from _own_limits(seeing, target, slots, evidence.whole())


def _not_let_in(seeing: Seeing, database: Database, failure: ConnectFailure) -> Finding:
    """Leave to database.postgres_direct what concerns the server; the monitor's own login is ours to report."""
    target, user = server_name(database), database.as_watched.user
    if database.monitor is not None and failure.code in LOGIN_REFUSED:
        raise CouldNotLook(f"the monitor {user} cannot log in to {target}: {failure}", code=failure.code, target=target)
    text = f"not looked at: {user} was not let in to {target} ({failure.code}); {DIRECT} has to be right first"
    return Finding(state=State.SKIP, code="prerequisite", message=text, target=target, prerequisite=DIRECT)


def _lines(slots: Slots) -> Iterator[str]:
    yield (
        f"{slots.taken} of {slots.usable} connections are taken (max_connections {slots.max_connections}, reserved for"
        f" superusers {slots.superuser_reserved}, reserved {slots.reserved})"
    )
    yield f"{'count':>5}  {'state':<20}  {'application':<24}  role@database from address"
    for one in slots.holders[:SHOWN]:
        who = f"{one.role}@{one.database} from {one.address or 'the same machine'}"
        yield f"{one.connections:>5}  {one.state:<20}  {one.application or '(no name)':<24}  {who}"
    for limit in slots.own_limits:
        yield f"{limit.kind} {limit.name} may have {limit.connections} connections and has {slots.taken_of(limit)}"


def _judged(seeing: Seeing, database: Database, slots: Slots, cited: Citation) -> Finding:
    share = share_of(seeing, used=slots.taken, of=slots.usable, reference=REFERENCE)
    text = f"{database.service}: {slots.taken} of {slots.usable} connections are taken ({share.percent:.0f} %)"
    if share.state is not State.PASS and slots.holders:
        text += f", {_largest(slots)}"
    return Finding(
        state=share.state,
        code="saturation.room" if share.state is State.PASS else "saturation.connections",
        message=seeing.clean(text),
        target=server_name(database),
        measured={"taken": Measurement(slots.taken), "usable": Measurement(slots.usable), **share.measured},
        threshold=share.threshold,
        citations=(cited,),
        next_checks=() if share.state is State.PASS else ("database.blockers",),
        blocks=False,
    )


def _own_limits(seeing: Seeing, target: str, slots: Slots, cited: Citation) -> Iterator[Finding]:
    for limit in slots.own_limits:
        taken = slots.taken_of(limit)
        share = share_of(seeing, used=taken, of=limit.connections, reference=REFERENCE)
        if share.state is State.PASS:
            continue
        text = f"the {limit.kind} {limit.name} has {taken} of the {limit.connections} connections that it may have"
        yield Finding(
            state=share.state,
            code=f"saturation.{limit.kind}_connections",
            message=seeing.clean(f"{text} ({share.percent:.0f} %)"),
            target=target,
            measured=share.measured,
            threshold=share.threshold,
            citations=(cited,),
            blocks=False,
        )


def _largest(slots: Slots) -> str:
    """Name who holds most, whatever the states of the single connections."""
    counts, states = Counter[tuple[str, str, str]](), dict[tuple[str, str, str], Counter[str]]()
    for one in slots.holders:
        counts[_who(one)] += one.connections
        states.setdefault(_who(one), Counter())[one.state] += one.connections
    (application, role, address), number = counts.most_common(1)[0]
    state, alike = states[application, role, address].most_common(1)[0]
    where = f" from {address}" if address else ""
    return f"{number} of them by {application or '(no name)'} ({role}{where}; {alike} {state})"


def _who(one: Holder) -> tuple[str, str, str]:
    return one.application, one.role, one.address

"""DB-02: connect by way of the pooler as the application does, and straight to the server, and compare.

Each is one short connection, both at once, with the application's login, and one question. Pass, where both answer:
`pooled.answered`. Where only the straight one does, the pooler is at fault, and this check fails: `pooled.refused`,
`pooled.dns`, `pooled.unreachable`, `pooled.timeout`, `pooled.closed`, `pooled.ssl` (it cannot be reached),
`pooled.auth` (it refuses the application's password), `pooled.server_auth` (it has another password for the server
than the application has), `pooled.no_database` (unknown to the pooler or, by the name it uses, to the server),
`pooled.server_login` and `pooled.query_wait` (it gives no connection to its server: a wrong address, say; or its pool
is used up, which its console then shows), `pooled.disabled`, `pooled.pooler_full`, `pooled.other`.
Where neither answers, it is the server's or the login's fault, and the check is skipped for database.postgres_direct;
where database.pools has found the pool used up, paused or closed, it is skipped for that. Where only the pooler's way
works it warns (`pooled.only_pooled`): the login or the address of the straight way is wrong, or closed to us.
A pooler lets its clients wait for query_wait_timeout (120 s by default): the check waits for that, but no longer than
6 s [ours] (threshold `wait_seconds`), 2 s where its pool is known to be used up. Then not answering is the finding:
`pooled.query_wait` where its console answers, so that it is not the pooler that hangs; else `pooled.timeout`. Through
it nothing is set for the session, not even a timeout, as it would stay with a connection that others are given next;
the one question only reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import psycopg

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.pooling import address_of, is_shortage_known, used_up
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import CONNECT_SECONDS
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.patience import within
from diagnostics.probes.pgbouncer import figures_of
from diagnostics.probes.postgres import ConnectFailure, classified, connected
from diagnostics.stack import Database, SecretUnavailable, StackConfig

QUESTION = "SELECT 1, version(), pg_is_in_recovery()"
WAIT_SECONDS = 6.0
KNOWN_SHORTAGE_SECONDS = 2.0  # enough to see that it is over
DIRECT, POOLS = "database.postgres_direct", "database.pools"
WAITED = {"postgres.query_wait", "postgres.server_login", "postgres.timeout"}
SEEN_BY_POOLS = WAITED | {"postgres.disabled", "postgres.pooler_full"}
SERVERS_WORDS = 'authentication failed for user "'  # the pooler itself names no user


@dataclass(frozen=True, kw_only=True)
class PostgresPooled(Check):
    """Each database that has a pooler in front."""

    slug: ClassVar[str] = "database.postgres_pooled"
    title: ClassVar[str] = "The pooler gives connections to PostgreSQL"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "network.published_ports")
    after: ClassVar[tuple[str, ...]] = (POOLS,)  # to leave to it what it has found
    deadline_seconds: ClassVar[float] = 30.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a pooler is described."""
        return None if _described(stack) else "the stack describes no [databases.*.pooler]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Compare both ways, one database after the other."""
        yield from look_at_each(seeing, _described(seeing.stack), partial(_look_at, seeing), named=address_of)


@dataclass(frozen=True, slots=True)
class _Way:
    """How one way to a database went."""

    address: str
    seconds: float
    answer: str
    failure: ConnectFailure | None = None

    def __str__(self) -> str:
        outcome = f"{self.failure.code}: {self.failure}" if self.failure else self.answer
        return f"{self.address} after {self.seconds:.2f} s: {outcome}"


def _described(stack: StackConfig) -> list[Database]:
    return [one for one in stack.databases.values() if one.pooler]


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    assert database.pooler is not None
    wait = seeing.threshold("wait_seconds", WAIT_SECONDS, unit="s").value
    if is_shortage_known(seeing, database):
        wait = min(wait, KNOWN_SHORTAGE_SECONDS)
    with ThreadPoolExecutor(2) as pool:
        ways = (database.by_way_of(database.pooler), wait, True), (database, CONNECT_SECONDS, False)
        pooled, direct = pool.map(lambda way: _tried(seeing, way[0], seconds=way[1], is_pooled=way[2]), ways)
    evidence = seeing.keep(
        "command", source=f"{QUESTION} as {database.user}", content=[f"pooled: {pooled}", f"direct: {direct}"]
    )
    yield _compared(seeing, database, pooled, direct, evidence.whole())


def _tried(seeing: Seeing, database: Database, *, seconds: float, is_pooled: bool) -> _Way:
    """Ask one question, in a thread that may be left: a connection may be given, and the answer never come."""
    address = f"{database.host}:{database.port}/{database.dbname}"
    password = seeing.secret(database.password) if database.password else None
    seconds = seeing.seconds_left(at_most=seconds)
    began = time.monotonic()

    def ask() -> str:
        with connected(database, password=password, connect_seconds=seconds, is_pooled=is_pooled) as connection:
            return str(connection.execute(QUESTION).fetchone())

    try:
        answer = within(seconds, ask)
    except ConnectFailure as failure:
        return _Way(address, time.monotonic() - began, "", failure)
    except psycopg.Error as error:
        return _Way(address, time.monotonic() - began, "", classified(str(error)))
    except TimeoutError as error:
        return _Way(address, time.monotonic() - began, "", ConnectFailure("postgres.timeout", str(error)))
    return _Way(address, time.monotonic() - began, answer)


def _compared(seeing: Seeing, database: Database, pooled: _Way, direct: _Way, cited: Citation) -> Finding:
    base = Finding(
        state=State.PASS,
        code="pooled.answered",
        message="",
        target=address_of(database),
        measured={
            "pooled": Measurement(round(pooled.seconds * 1000, 1), "ms"),
            "direct": Measurement(round(direct.seconds * 1000, 1), "ms"),
        },
        citations=(cited,),
    )
    if pooled.failure is None and direct.failure is None:
        times = f"in {pooled.seconds * 1000:.0f} ms, straight in {direct.seconds * 1000:.0f} ms"
        return replace(base, message=f"{database.name}: answered by way of the pooler {times}")
    if pooled.failure is None and direct.failure is not None:
        text = f"only the pooler's way works; straight: {direct.failure.code}: {direct.failure}"
        return _saying(seeing, base, State.WARN, "pooled.only_pooled", f"{database.name}: {text}")
    assert pooled.failure is not None
    if is_shortage_known(seeing, database) and pooled.failure.code in SEEN_BY_POOLS:
        return _left_to(seeing, base, POOLS, f"{database.name}: {pooled.failure.code}")
    if direct.failure is not None:
        return _left_to(seeing, base, DIRECT, f"{database.name}: neither way works ({direct.failure.code})")
    failure = _asked_of_console(seeing, database, pooled.failure)
    text = f"{database.name}: only straight it works; the pooler: {failure.code}: {failure}"
    return _saying(seeing, base, State.FAIL, _code(failure), text)


def _saying(seeing: Seeing, base: Finding, state: State, code: str, text: str) -> Finding:
    return replace(base, state=state, code=code, message=seeing.clean(text))


def _left_to(seeing: Seeing, base: Finding, slug: str, text: str) -> Finding:
    message = seeing.clean(f"{text}: {slug} has to be right first")
    return replace(base, state=State.SKIP, code="prerequisite", message=message, prerequisite=slug)


def _code(failure: ConnectFailure) -> str:
    if failure.code == "postgres.auth" and SERVERS_WORDS in failure.text:
        return "pooled.server_auth"
    return failure.code.replace("postgres.", "pooled.")


def _asked_of_console(seeing: Seeing, database: Database, failure: ConnectFailure) -> ConnectFailure:
    """Add what the pooler's console says where it let us wait; without one the driver's words must do."""
    pooler = database.pooler
    if failure.code not in WAITED or pooler is None or pooler.admin_user is None:
        return failure
    try:
        password = seeing.secret(pooler.admin_password) if pooler.admin_password else None
        figures = figures_of(pooler, database, password=password, connect_seconds=seeing.seconds_left(at_most=2.0))
    except (ConnectFailure, CouldNotLook, SecretUnavailable):  # then the driver's words must do
        return failure
    code = "postgres.query_wait" if failure.code == "postgres.timeout" else failure.code
    alias = pooler.dbname or database.dbname
    door = figures.doors.get(alias)
    full = next((pool for pool in figures.pools if pool.database == alias and figures.is_used_up(pool)), None)
    if full:
        return ConnectFailure(code, used_up(figures, full))
    return ConnectFailure(code, f"it gets no connection to {door.address if door else 'its server'} ({failure})")

"""DB-01: connect straight to PostgreSQL as the application does, and ask one question.

Pass: a connection and an answer. Fail: the code says which of refused, auth, no_database, no_role, not_permitted,
slots, starting, stopping, not_accepting, dns, unreachable, timeout, ssl or closed it was. A server that accepts and
never answers is a finding (`postgres.timeout`), as not answering is what the application sees, too.
It is skipped for database.saturation where every connection is taken and a monitor (`[databases.X.monitor]`) was still
let in: that check says who has them. Source: libpq's messages, sorted by text since failed connects carry no SQLSTATE.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import psycopg

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import CONNECT_SECONDS, NO_DATABASES, slots_seen
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.postgres import ConnectFailure, connected
from diagnostics.stack import Database, SecretUnavailable, StackConfig

SATURATION = "database.saturation"
QUESTION = "SELECT 1, version(), pg_is_in_recovery()"


@dataclass(frozen=True, kw_only=True)
class PostgresDirect(Check):
    """Each database of the stack, with the credentials that the application uses."""

    slug: ClassVar[str] = "database.postgres_direct"
    title: ClassVar[str] = "PostgreSQL accepts the application's credentials"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "network.published_ports")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Connect to one database after the other."""
        for database in seeing.stack.databases.values():
            yield _ask(seeing, database)


def _ask(seeing: Seeing, database: Database) -> Finding:
    target = f"{database.host}:{database.port}/{database.dbname}"
    password = seeing.secret(database.password) if database.password else None
    began = time.monotonic()
    try:
        with connected(
            database, password=password, connect_seconds=seeing.seconds_left(at_most=CONNECT_SECONDS)
        ) as connection:
            row = connection.execute(QUESTION).fetchone()
    except ConnectFailure as failure:
        if failure.code == "postgres.slots" and _monitor_sees_why(seeing, database):
            return _left_to_saturation(database, target, failure)
        return _failed(seeing, database, target, failure)
    except psycopg.Error as error:
        unanswered = ConnectFailure("postgres.query_failed", " ".join(str(error).split()))
        return _failed(seeing, database, target, unanswered)
    milliseconds = round((time.monotonic() - began) * 1000, 1)
    evidence = seeing.keep("query_result", source=f"{target}: {QUESTION}", content=str(row))
    return Finding(
        state=State.PASS,
        code="postgres.answered",
        message=f"{database.name}: connected as {database.user} and answered in {milliseconds} ms",
        target=target,
        measured={"connect_and_query": Measurement(milliseconds, "ms", lasts=True)},
        citations=(evidence.whole(),),
    )


def _failed(seeing: Seeing, database: Database, target: str, failure: ConnectFailure) -> Finding:
    evidence = seeing.keep("command", source=f"connect {target} as {database.user}", content=str(failure))
    return Finding(
        state=State.FAIL,
        code=failure.code,
        message=f"{database.name}: {database.user} cannot use {target}: {seeing.clean(str(failure))}",
        target=target,
        citations=(evidence.whole(),),
    )


def _monitor_sees_why(seeing: Seeing, database: Database) -> bool:
    """Say whether database.saturation can name who has the connections, so that there is one red line and not two."""
    if database.monitor is None:
        return False
    try:
        return slots_seen(seeing, database).is_exhausted
    except (ConnectFailure, CouldNotLook, SecretUnavailable):
        return False


def _left_to_saturation(database: Database, target: str, failure: ConnectFailure) -> Finding:
    text = f"{database.name}: {database.user} gets no connection ({failure.code}): {SATURATION} has to be right first"
    return Finding(state=State.SKIP, code="prerequisite", message=text, target=target, prerequisite=SATURATION)

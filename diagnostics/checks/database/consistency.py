"""DB-11: whether a database's own bookkeeping says that its data are sound.

Fail: `consistency.invalid_index` (what a failed CREATE INDEX CONCURRENTLY leaves: it costs every write, helps no query,
and a unique one does not keep duplicates out), `consistency.sequence_behind` (the next value of a column's sequence is
one that the column has had: the next insert fails, as after rows were copied in), `consistency.corrupt_index` (amcheck
or a checksum), `consistency.checksum_failures` (blocks read that were not what had been written). Warn:
`consistency.not_validated` (a constraint that was added NOT VALID; older rows may break it), `consistency.collation`
(the library sorts otherwise than when the indexes were built: REINDEX what sorts texts). Pass: `consistency.sound`.
The sequences are looked at as the application, whose tables they are; only columns that lead an index, so that no table
is read whole. Indexes are verified where the extension amcheck is in the database and its functions are granted to the
role that watches (`GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO ...`): for up to 5 s, small ones first; the
message says how many of them. Not compared are models and schema (`alembic check` would run the stack's code).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import (
    NO_DATABASES,
    leaves_room_for_application,
    server_name,
    watchers_before,
    watching,
)
from diagnostics.probes import postgres_consistency as probe
from diagnostics.probes.postgres_consistency import Fault, Verified
from diagnostics.stack import Database, StackConfig

VERIFY_SECONDS, SEQUENCE_SECONDS = 5.0, 3.0
SHOWN, NAMED = 50, 5
KINDS = {
    "invalid_index": (State.FAIL, "index(es) are invalid: DROP INDEX CONCURRENTLY and build anew"),
    "sequence_behind": (
        State.FAIL,
        "sequence(s) are behind their columns: the next insert fails until setval",
    ),
    "corrupt_index": (State.FAIL, "index(es) are corrupt: find out why, then REINDEX"),
    "checksum_failures": (State.FAIL, "count(s) of checksum failures: a disk or its driver loses data"),
    "not_validated": (State.WARN, "constraint(s) were never validated: older rows may break them"),
    "collation": (State.WARN, "collation(s) changed their version: REINDEX what sorts texts"),
}


@dataclass(frozen=True, kw_only=True)
class Consistency(Check):
    """Each database."""

    slug: ClassVar[str] = "database.consistency"
    title: ClassVar[str] = "Indexes, constraints and sequences are sound"
    suites: ClassVar[frozenset[str]] = frozenset({"database"})
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct",)
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask one database after the other."""
        databases = seeing.stack.databases.values()
        yield from look_at_each(seeing, databases, partial(_look_at, seeing), named=_target)


def _target(database: Database) -> str:
    return f"{server_name(database)}/{database.dbname}"


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    with watching(seeing, database) as connection:
        found: dict[str, Sequence[Fault]] = {
            "invalid_index": probe.invalid_indexes(connection),
            "checksum_failures": probe.checksum_failures(connection),
            "not_validated": probe.not_validated(connection),
            "collation": probe.changed_collations(connection),
        }
        verified = probe.verify_indexes(connection, ends_at=_until(seeing, VERIFY_SECONDS))
        found["corrupt_index"] = verified.faults if verified else ()
        has_room = leaves_room_for_application(connection)
    scope = f"no sequences, as too few connections are left; {_scope(verified)}"
    if has_room:
        with watching(seeing, replace(database, monitor=None)) as connection:
            ends_at = _until(seeing, SEQUENCE_SECONDS)
            found["sequence_behind"], sequences = probe.sequences_behind(connection, ends_at=ends_at)
        scope = f"{sequences} sequences; {_scope(verified)}"
    lines = [line for kind, faults in found.items() for line in probe.all_lines(kind, faults[:SHOWN])]
    source = f"{_target(database)}: pg_index, pg_constraint, pg_sequence, pg_stat_database, amcheck"
    cited = seeing.keep("query_result", source=source, content=[*lines, f"looked at: {scope}"]).whole()
    findings = [_finding(seeing, database, kind, found[kind], cited) for kind in KINDS if found.get(kind)]
    yield from findings or [_sound(database, scope, cited)]


def _until(seeing: Seeing, seconds: float) -> float:
    return time.monotonic() + seeing.seconds_left(at_most=seconds)


def _scope(verified: Verified | None) -> str:
    if verified is None:
        return "no index was verified, as amcheck is not there or not permitted"
    return f"{verified.checked} of {verified.of} indexes verified by amcheck"


def _finding(seeing: Seeing, database: Database, kind: str, faults: Sequence[Fault], cited: Citation) -> Finding:
    state, words = KINDS[kind]
    named = "; ".join(f"{fault.what} ({fault.text})" for fault in faults[:NAMED])
    more = "; ..." if len(faults) > NAMED else ""
    return Finding(
        state=state,
        code=f"consistency.{kind}",
        message=seeing.clean(f"{database.name}: {len(faults)} {words}: {named}{more}"),
        target=_target(database),
        measured={"count": Measurement(len(faults))},
        citations=(cited,),
        blocks=False,
    )


def _sound(database: Database, scope: str, cited: Citation) -> Finding:
    return Finding(
        state=State.PASS,
        code="consistency.sound",
        message=f"{database.name}: nothing is wrong with indexes, constraints and sequences; looked at {scope}",
        target=_target(database),
        citations=(cited,),
    )

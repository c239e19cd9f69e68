"""DB-07: whether the database's schema is that of the deployed migration files (Alembic).

Where the database stands is read from its version table by SQL; where it should stand from the revision files of
`[databases.X.migrations]`. The files are read by `ast` and never run: alembic would import them, and they are the
stack's code. Revisions without a plain text as id (computed ones) and nested folders are not understood.
Pass: `migrations.current`. Fail: `migrations.behind` (with the missing revisions and their titles),
`migrations.several_heads` (`alembic upgrade head` refuses; heads with branch labels of their own are meant so),
`migrations.unknown_revision` (the database names a revision that no file has), `migrations.table_missing` (never
migrated, or into another schema), `migrations.gap` (a file follows a revision that no file has), `migrations.circle`,
`migrations.broken` (a file is no valid Python). Warn: `migrations.ahead` (the unknown revision is a later one: the
files had it in an earlier good run, or all of them are numbered and its number is higher; the deployed version is older
than the schema), `migrations.twice` (two files, one id). Error: `migrations.computed`, missing, not_permitted.
What the guide writes, `alembic stamp head` before `upgrade head`, hides what is behind: stamping says that everything
was done, and the upgrade then does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from psycopg import sql

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.watching import leaves_room_for_application, watchers_before, watching
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.revisions import Graph, RevisionBroken, read_graph
from diagnostics.stack import Database, Migrations, StackConfig

SHOWN = 50
REMEMBERED = 100  # of the newest revisions, to know a later one again
NUMBER = re.compile(r"(\d+)(?:_|$)")


@dataclass(frozen=True, kw_only=True)
class SchemaRevisions(Check):
    """Each database that says where its migrations lie."""

    slug: ClassVar[str] = "database.migrations"
    title: ClassVar[str] = "The schema is that of the deployed migrations"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "database"})
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct",)
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where migrations are described."""
        return None if _described(stack) else "the stack describes no [databases.*.migrations]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Compare files and database, one database after the other."""
        yield from look_at_each(seeing, _described(seeing.stack), partial(_look_at, seeing), named=_target)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The files' graph, where the database stands (None: it has no version table), and the evidence."""

    seeing: Seeing
    database: Database
    graph: Graph
    current: tuple[str, ...] | None
    citations: tuple[Citation, ...]

    def finding(self, state: State, code: str, text: str) -> Finding:
        """Give a finding about the database."""
        heads = ", ".join(self.graph.heads[:SHOWN])
        return Finding(
            state=state,
            code=code,
            message=self.seeing.clean(f"{self.database.name}: {text}"),
            target=_target(self.database),
            measured={
                "database": Measurement(", ".join(self.current or ()), lasts=True),
                "files": Measurement(heads, lasts=True),
            },
            citations=self.citations,
            blocks=False,
        )


def _described(stack: StackConfig) -> list[Database]:
    return [one for one in stack.databases.values() if one.migrations]


def _target(database: Database) -> str:
    return f"{database.host}:{database.port}/{database.dbname}"


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    plan = database.migrations
    assert plan is not None
    try:
        graph = read_graph(plan.directories)
    except FileUnusable as error:
        raise CouldNotLook(f"the migration files cannot be read: {error.text}", code=error.code) from None
    except RevisionBroken as error:
        if error.code == "computed":
            raise CouldNotLook(error.text, code="migrations.computed") from None
        evidence = seeing.keep("file_stat", source="the migration files", content=error.text)
        seen = _Seen(seeing, database, Graph({}), None, (evidence.whole(),))
        yield seen.finding(State.FAIL, "migrations.broken", error.text)
        return
    current = _current(seeing, database, plan)
    seen = _Seen(seeing, database, graph, current, _citations(seeing, database, plan, graph, current))
    findings = list(_files(seen)) or [*_twice(seen), *_compared(seen)]
    yield from findings or [
        seen.finding(State.PASS, "migrations.current", f"at {', '.join(graph.heads)}, as the files")
    ]
    if not findings:
        _remember(seen)


def _current(seeing: Seeing, database: Database, plan: Migrations) -> tuple[str, ...] | None:
    """Ask as the monitor, and as the application, whose table it is, where the monitor may not see it."""
    try:
        current = _asked(seeing, database, plan)
    except NotPermitted:
        if database.monitor is None:
            raise
        current = None
    if current is None and database.monitor is not None:
        _refuse_last_connection(seeing, database)
        return _asked(seeing, replace(database, monitor=None), plan)
    return current


def _refuse_last_connection(seeing: Seeing, database: Database) -> None:
    with watching(seeing, database) as connection:
        if not leaves_room_for_application(connection):
            text = "only the application may read the version table, and too few connections are left to be it"
            raise CouldNotLook(text, code="postgres.slots", target=_target(database))


def _asked(seeing: Seeing, database: Database, plan: Migrations) -> tuple[str, ...] | None:
    table = sql.Identifier(*plan.version_table.split("."))
    with watching(seeing, database) as connection:
        found = connection.execute("SELECT to_regclass(%s) AS oid", [table.as_string(connection)]).fetchone()
        if not found or found["oid"] is None:
            return None
        query = sql.SQL("SELECT version_num::text AS id FROM {} LIMIT {}").format(table, sql.Literal(SHOWN))
        return tuple(row["id"] for row in connection.execute(query))


def _citations(
    seeing: Seeing, database: Database, plan: Migrations, graph: Graph, current: tuple[str, ...] | None
) -> tuple[Citation, ...]:
    noted = current if current is not None else (f"there is no table {plan.version_table}",)
    table = seeing.keep("query_result", source=f"{_target(database)}: {plan.version_table}", content=noted or "(empty)")
    newest = sorted(graph.revisions, key=lambda one: (-graph.depths.get(one, 0), one))[:SHOWN]
    lines = [f"{len(graph.revisions)} revisions, heads {', '.join(graph.heads) or 'none'}, the newest first:"]
    lines += [f"{graph.revisions[one].file.name}: {_named(graph, one)}" for one in newest]
    files = seeing.keep("file_stat", source=", ".join(map(str, plan.directories)), content=lines)
    return table.whole(), files.whole()


def _files(seen: _Seen) -> Iterator[Finding]:
    """Judge the files alone: with these faults alembic goes nowhere."""
    graph = seen.graph
    for revision, missing in graph.gaps()[:SHOWN]:
        text = f"{revision.file.name} follows the revision {missing}, which no file has"
        yield seen.finding(State.FAIL, "migrations.gap", text)
    if graph.has_circle:
        yield seen.finding(State.FAIL, "migrations.circle", "the revisions follow each other in a circle")
    labels = [seen.graph.labels_of(head) for head in graph.heads]
    are_meant = all(labels) and sum(map(len, labels)) == len(set[str]().union(*labels))
    if len(graph.heads) > 1 and not are_meant:
        text = f"the files have {len(graph.heads)} heads ({', '.join(graph.heads[:5])}): a merge revision is missing"
        yield seen.finding(State.FAIL, "migrations.several_heads", text)


def _twice(seen: _Seen) -> Iterator[Finding]:
    for revision in seen.graph.twice[:SHOWN]:
        first = seen.graph.revisions[revision.id].file.name
        text = f"{first} and {revision.file.name} have the same id {revision.id}: alembic takes one of them"
        yield seen.finding(State.WARN, "migrations.twice", text)


def _compared(seen: _Seen) -> Iterator[Finding]:
    graph, current = seen.graph, seen.current
    if current is None:
        text = "the version table is missing: the schema was never migrated, or the table lies in another schema"
        yield seen.finding(State.FAIL, "migrations.table_missing", text)
        return
    unknown = [one for one in current if one not in graph.revisions]
    if unknown:
        yield _unknown(seen, unknown)
        return
    missing = sorted(set(graph.revisions) - graph.with_ancestors(current), key=lambda one: (graph.depths[one], one))
    if missing:
        named = "; ".join(_named(graph, one) for one in missing[:5]) + ("; ..." if len(missing) > 5 else "")
        at = f"at {', '.join(current)}" if current else "at no revision"
        text = f"the database is {at}, the files are at {', '.join(graph.heads)}: {len(missing)} missing ({named})"
        yield seen.finding(State.FAIL, "migrations.behind", text)


def _unknown(seen: _Seen, unknown: list[str]) -> Finding:
    heads = ", ".join(seen.graph.heads) or "nothing"
    if all(_is_later(seen, one) for one in unknown):
        text = f"the database is at {', '.join(unknown)}, later than the files ({heads}): an older version is deployed"
        return seen.finding(State.WARN, "migrations.ahead", text)
    text = f"the database is at {', '.join(unknown)}, which no file has (they end at {heads})"
    return seen.finding(State.FAIL, "migrations.unknown_revision", text)


def _is_later(seen: _Seen, unknown: str) -> bool:
    graph = seen.graph
    remembered = seen.seeing.baseline.last(_key(seen.database, unknown))
    if remembered is not None:
        return remembered > max(graph.depths.values(), default=-1)
    numbers = [_number(one) for one in graph.revisions]
    known = [number for number in numbers if number is not None]
    number = _number(unknown)
    return number is not None and len(known) == len(numbers) > 1 and number > max(known)


def _number(revision_id: str) -> int | None:
    """Give the number of an id such as 0003_workflow_priority; a hash that begins with a digit is none."""
    match = NUMBER.match(revision_id)
    return int(match[1]) if match else None


def _remember(seen: _Seen) -> None:
    graph = seen.graph
    for one in sorted(graph.depths, key=lambda key: -graph.depths[key])[:REMEMBERED]:
        seen.seeing.learn(_key(seen.database, one), graph.depths[one])


def _key(database: Database, revision_id: str) -> str:
    return f"depth {database.name} {revision_id}"


def _named(graph: Graph, revision_id: str) -> str:
    title = graph.revisions[revision_id].title.rstrip(".")
    return f"{revision_id}: {title}" if title else revision_id

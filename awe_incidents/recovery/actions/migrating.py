"""What the actions on migrations share: where a database stands, and alembic in the container that has its files."""

from __future__ import annotations

import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import sql

from awe_incidents.recovery.actions.base import Acting, Action, ActionFailed, Doing, Probed, Step, Verified
from awe_incidents.recovery.actions.containers import looking_inside, no_database, run_once
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace, exec_once
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.revisions import Graph, read_graph
from diagnostics.stack import StackConfig

API = "api"
BASE = "base"  # alembic's word for: no revision
LOOK_SECONDS = 30.0  # alembic imports every revision before it says anything
SETTLE_SECONDS = 5.0
PAUSE_SECONDS = 0.2
OLD_SECONDS = 30
MAX_SAID = 4_000
ID = re.compile(r"[A-Za-z0-9_]{1,100}")
LEAVES_TRACES = re.compile(r"autocommit_block|\.commit\(|AUTOCOMMIT|CONCURRENTLY")  # what a rollback does not undo
OPEN_TRANSACTIONS = """
SELECT count(*) AS count FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND xact_start < now() - make_interval(secs => %(seconds)s)
"""
SYSTEM = "SELECT system_identifier::text AS system FROM pg_control_system()"


@dataclass(frozen=True, kw_only=True)
class MigrateParameters(Parameters):
    """Which database, and where alembic runs."""

    database: str = parameter("Name of the database in the stack's description.")
    service: str = parameter(
        "Service whose container has the migration files; the one with the role api where it is left out.",
        default="",
        minLength=0,
    )
    minutes: int = parameter("How long it may take.", default=10, minimum=1, maximum=720)


@dataclass(frozen=True, kw_only=True)
class RevisionParameters(MigrateParameters):
    """The same, with a revision."""

    revision: str = parameter(
        "Id of the revision to go to; see the action for what is meant where it is left out.",
        default="",
        minLength=0,
        pattern=r"^[A-Za-z0-9_]{0,100}$",
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands, and the deployed files."""

    current: tuple[str, ...]
    graph: Graph

    @property
    def head(self) -> str:
        """Give the only head. Raises: ActionNotApplicable."""
        if len(self.graph.heads) != 1:
            raise ActionNotApplicable(f"the files have {len(self.graph.heads)} heads; merge them first")
        return self.graph.heads[0]

    @property
    def only(self) -> str:
        """Give the only revision at which the database stands. Raises: ActionNotApplicable."""
        if len(self.current) != 1 or self.current[0] not in self.graph.revisions:
            at = ", ".join(self.current) or "none"
            raise ActionNotApplicable(f"the database stands at {at}, which is not one revision of the deployed files")
        return self.current[0]

    def between(self, older: str, newer: str) -> list[str]:
        """Give the revisions that bring the older state to the newer one, in the order in which they ran."""
        gone = self.graph.with_ancestors([newer]) - self.graph.with_ancestors([older])
        return sorted(gone, key=lambda one: (self.graph.depths.get(one, 0), one))

    def titles(self, ids: Sequence[str]) -> list[str]:
        """Give ids with what their files call them."""
        return [f"{one} ({self.graph.revisions[one].title.rstrip('.') or 'no title'})" for one in ids]


class Migrate(Action[Any]):
    """Base of the actions that run alembic."""

    @abstractmethod
    def destination(self, standing: Standing, parameters: Any) -> str:
        """Give the revision to go to. Raises: ActionNotApplicable."""

    @abstractmethod
    def passed(self, standing: Standing, to: str) -> list[str]:
        """Give the revisions that are run, undone or passed over."""

    @abstractmethod
    def words(self, to: str) -> list[str]:
        """Give alembic's arguments."""

    def not_applicable(self, stack: StackConfig, parameters: Any) -> str | None:
        """Apply only to a database whose migration files are described, with a container that has them."""
        if why := no_database(stack, parameters.database):
            return why
        if stack.databases[parameters.database].migrations is None:
            return f"no [databases.{parameters.database}.migrations] says where its revision files lie"
        if parameters.service and parameters.service not in stack.services:
            return f"stack {stack.name} has no service {parameters.service}; known: {', '.join(sorted(stack.services))}"
        return None if _service(stack, parameters) else "not exactly one service has the role api; name the service"

    def target(self, stack: StackConfig, parameters: Any) -> str:
        """Lock the database below its service."""
        return f"{stack.databases[parameters.database].service}/{parameters.database}"

    def fingerprint(self, site: Site, parameters: Any) -> Mapping[str, Any]:
        """Give where the database stands, where it shall go, and the image that has the files."""
        standing = standing_of(site, parameters)
        to = self.destination(standing, parameters)
        passed = self.passed(standing, to)
        with looking_inside(site, _service(site.stack, parameters), seconds=LOOK_SECONDS) as inside:
            code, output = inside.run(["alembic", "heads"])
            image = inside.container.image
        heads = sorted(found[1] for found in re.finditer(r"^(\w+)(?= \(.*head\))", output.decode(), re.MULTILINE))
        if code or tuple(heads) != standing.graph.heads:
            described = ", ".join(standing.graph.heads)
            raise ActionNotApplicable(
                f"alembic in the container knows the heads {', '.join(heads) or '(none)'}, the files {described}"
            )
        with site.watching(parameters.database) as connection:
            system = (connection.execute(SYSTEM).fetchone() or {}).get("system", "")
        current = sorted(standing.current)
        return {
            "system": system,
            "image": image,
            "current": current,
            "to": to,
            "passed": [site.clean(one) for one in standing.titles(passed)],
        }

    def prechecks(self, acting: Acting[Any]) -> Iterator[str]:
        """Refuse while others hold transactions open: it would wait for them, and everybody else for it."""
        with acting.site.watching(acting.parameters.database) as connection:
            row = connection.execute(OPEN_TRANSACTIONS, {"seconds": OLD_SECONDS}).fetchone() or {}
        if row["count"]:
            yield (
                f"{row['count']} sessions have had a transaction open for more than {OLD_SECONDS} s, for which a "
                f"migration may wait, and everybody else behind it; database.terminate_sessions ends them"
            )

    def steps(self, acting: Acting[Any]) -> Sequence[Step]:
        """Give the one step."""
        words = self.words(acting.facts["to"])
        return [Step(words[0], f"alembic {' '.join(words)}", partial(_run, acting, words))]

    def traces(self, stack: StackConfig, parameters: Any, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show one run of alembic."""
        return [exec_once(_service(stack, parameters), "alembic", *self.words(facts["to"]))]

    def verify(self, acting: Acting[Any]) -> Verified:
        """Ask the database itself where it stands."""
        now, wanted = current_of(acting.site, acting.parameters.database), _wanted(acting)
        text = f"the database stands at {', '.join(now) or 'no revision'}"
        text += "" if now == wanted else f", and not at {', '.join(wanted) or 'none'}"
        before = {"current": acting.facts["current"]}
        return Verified(is_good=now == wanted, text=text, before=before, after={"current": list(now)})

    def probe(self, acting: Acting[Any]) -> Probed:
        """Ask the database where it stands; where that is as before, alembic may still be at it."""
        now = current_of(acting.site, acting.parameters.database)
        if now == _wanted(acting):
            return Probed.FINISHED_WELL
        return Probed.CANNOT_TELL if list(now) == acting.facts["current"] else Probed.FINISHED_BADLY


def standing_of(site: Site, parameters: Any) -> Standing:
    """Give where the database stands and the files. Raises: ActionNotApplicable, ProbeFailure, TargetUnreachable."""
    plan = site.stack.databases[parameters.database].migrations
    graph = read_graph(plan.directories if plan else ())
    if strange := [one for one in graph.revisions if not ID.fullmatch(one)]:
        raise ActionNotApplicable(f"the revision id {strange[0][:100]!r} has other characters than letters and digits")
    if graph.gaps() or graph.twice or graph.has_circle:
        raise ActionNotApplicable(
            "the revision files have a gap, a circle or an id twice; database.migrations says which"
        )
    return Standing(current_of(site, parameters.database), graph)


def current_of(site: Site, database: str) -> tuple[str, ...]:
    """Ask a database at which revisions it stands, sorted; none without a version table. Raises: TargetUnreachable."""
    plan = site.stack.databases[database].migrations
    table = sql.Identifier(*(plan.version_table if plan else "alembic_version").split("."))
    with site.watching(database) as connection:
        found = connection.execute("SELECT to_regclass(%s) AS oid", [table.as_string(connection)]).fetchone()
        if not found or found["oid"] is None:
            return ()
        rows = connection.execute(sql.SQL("SELECT version_num::text AS id FROM {}").format(table)).fetchall()
    return tuple(sorted(row["id"] for row in rows))


def _run(acting: Acting[Any], words: Sequence[str], doing: Doing) -> None:
    """Run alembic, if the database still stands where it stood when this was approved."""
    site, parameters = acting.site, acting.parameters
    if list(now := current_of(site, parameters.database)) != acting.facts["current"]:
        raise ActionFailed(f"the database stands at {', '.join(now) or 'no revision'} now, as somebody moved it")
    service = _service(site.stack, parameters)
    ended = run_once(site, service, ["alembic", *words], doing=doing, seconds=parameters.minutes * 60)
    doing.say(ended.tail(MAX_SAID) or "alembic said nothing")
    if ended.code == 0:
        return
    why = f"alembic ended with {ended.code}: {site.clean(ended.last_line)[:300]}"
    if _is_as_before(acting):
        raise ActionFailed(f"{why}; it was rolled back")
    raise RuntimeError(why)


def _is_as_before(acting: Acting[Any]) -> bool:
    """Say whether a migration that failed has left nothing: PostgreSQL rolls back all but what steps out of that."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while list(current_of(acting.site, acting.parameters.database)) != acting.facts["current"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    graph = standing_of(acting.site, acting.parameters).graph
    files = [one.file for one in graph.revisions.values()]
    return not any(LEAVES_TRACES.search(file.read_text(errors="replace")) for file in files)


def _wanted(acting: Acting[Any]) -> tuple[str, ...]:
    return () if acting.facts["to"] == BASE else (acting.facts["to"],)


def _service(stack: StackConfig, parameters: MigrateParameters) -> str:
    if parameters.service:
        return parameters.service
    found = [one.name for one in stack.services.values() if one.role == API]
    return found[0] if len(found) == 1 else ""

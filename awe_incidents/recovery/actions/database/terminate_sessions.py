"""End sessions of PostgreSQL that keep others waiting.

Ends the sessions at the root of every wait for a lock in one database (or those whose pids are given) with
`pg_terminate_backend`: their open transactions are rolled back, and their clients get an error. It acts with the
application's login, so it can end the application's own sessions and no superuser's.

At most once: a session is known by its pid and when it began, so that a second try finds nobody. Verified by the
monitor's login, if there is one: the sessions are gone; who is waited for now is shown beside it. A lost worker is
cleared up by looking who of them is still there; a session that ended by itself counts as ended. While all of them
are there, or one is left, nobody can tell, as its end may be on its way: a person says how that ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import psycopg

from awe_incidents.recovery.actions.base import (
    Acting,
    Action,
    ActionFailed,
    Doing,
    Plan,
    Probed,
    Rate,
    Step,
    Verified,
    judged,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack import StackConfig

GONE_SECONDS = 10.0
PAUSE_SECONDS = 0.1
# Who is waited for and waits for nobody: in one snapshot, by when each session began.
BLOCKERS = """
WITH waiting AS (
  SELECT pid, unnest(pg_blocking_pids(pid)) AS behind FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND datname = current_database())
SELECT pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS began,
 coalesce(usename, '') AS role, coalesce(application_name, '') AS application
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND CASE WHEN cardinality(%(pids)s::int[]) > 0 THEN pid = ANY (%(pids)s::int[])
      ELSE pid IN (SELECT behind FROM waiting) AND pid NOT IN (SELECT pid FROM waiting) END
ORDER BY pid
"""
STILL_THERE = """
SELECT count(*) FROM pg_stat_activity JOIN unnest(%(pids)s::int[], %(began)s::timestamptz[]) AS known (pid, began)
  ON pg_stat_activity.pid = known.pid AND backend_start = began
"""
MAY_END = """
SELECT count(*) FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid
WHERE pid = ANY (%(pids)s::int[])
  AND NOT (pg_has_role(current_user, usesysid, 'USAGE') OR pg_has_role(current_user, 'pg_signal_backend', 'USAGE')
    AND NOT rolsuper)
"""
END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz
"""


@dataclass(frozen=True, kw_only=True)
class TerminateParameters(Parameters):
    """Which database, and which sessions where not those that others wait for."""

    database: str = parameter("Name of the database in the stack's description.")
    pids: tuple[int, ...] = parameter(
        "Sessions to end; leave it out for those that others wait for.",
        default=(),
        items={"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    )


@dataclass(frozen=True, kw_only=True)
class TerminateSessions(Action[TerminateParameters]):
    """Sessions of one database."""

    slug: ClassVar[str] = "database.terminate_sessions"
    title: ClassVar[str] = "End database sessions that keep others waiting"
    tier: ClassVar[int] = 1
    rate: ClassVar[Rate] = Rate(times=30)
    parameters: ClassVar[type[Any]] = TerminateParameters

    def not_applicable(self, stack: StackConfig, parameters: TerminateParameters) -> str | None:
        """Apply only to a described database."""
        if parameters.database in stack.databases:
            return None
        known = ", ".join(sorted(stack.databases)) or "none"
        return f"stack {stack.name} describes no database {parameters.database}; known: {known}"

    def target(self, stack: StackConfig, parameters: TerminateParameters) -> str:
        """Lock the database below its service."""
        return f"{stack.databases[parameters.database].service}/{parameters.database}"

    def fingerprint(self, site: Site, parameters: TerminateParameters) -> Mapping[str, Any]:
        """Give the sessions, each by its pid and when it began."""
        with site.watching(parameters.database) as connection:
            found = connection.execute(BLOCKERS, {"pids": list(parameters.pids)}).fetchall()
            system = connection.execute("SELECT system_identifier::text AS id FROM pg_control_system()").fetchone()
        sessions = [{**one, "application": site.clean(one["application"])} for one in found]
        if missing := set(parameters.pids) - {one["pid"] for one in sessions}:
            raise ActionNotApplicable(f"there are no sessions {', '.join(map(str, sorted(missing)))} in this database")
        if not sessions:
            raise ActionNotApplicable("nobody waits for a lock in this database now, so there is nobody to end")
        return {"system": system["id"] if system else "", "sessions": sessions}

    def plan(self, acting: Acting[TerminateParameters]) -> Plan:
        """Say what is lost."""
        names = [f"{one['application'] or '(no name)'} ({one['role']}, pid {one['pid']})" for one in _sessions(acting)]
        return Plan(
            destroys=tuple(f"the open transaction of {name}: it is rolled back" for name in names),
            way_back="none: the clients connect again and repeat their work",
        )

    def prechecks(self, acting: Acting[TerminateParameters]) -> Iterator[str]:
        """See that the login may end them."""
        with acting.site.database(acting.parameters.database) as connection:
            row = connection.execute(MAY_END, _known(acting)).fetchone()
        if row is not None and row[0]:
            yield f"the application's login may not end {row[0]} of these sessions, as they are of other roles"

    def steps(self, acting: Acting[TerminateParameters]) -> Sequence[Step]:
        """Give one step for each session."""
        return [
            Step(f"end-{one['pid']}", f"End session {one['pid']} of {one['role']}", partial(_end, acting, one))
            for one in _sessions(acting)
        ]

    def traces(self, stack: StackConfig, parameters: TerminateParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show nothing: it is done by SQL, which no engine sees."""
        return ()

    def verify(self, acting: Acting[TerminateParameters]) -> Verified:
        """Wait until they are gone, and look who is waited for now."""
        deadline = time.monotonic() + GONE_SECONDS
        while (left := _still_there(acting)) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        with acting.site.watching(acting.parameters.database) as connection:
            blockers = connection.execute(BLOCKERS, {"pids": []}).fetchall()
        text = f"{len(_sessions(acting)) - left} of {len(_sessions(acting))} sessions are gone"
        text += f"; {len(blockers)} others are waited for now" if blockers else "; nobody waits for a lock"
        before, after = {"sessions": _sessions(acting)}, {"still_there": left, "blockers": blockers}
        return Verified(is_good=left == 0, text=text, before=before, after=after)

    def probe(self, acting: Acting[TerminateParameters]) -> Probed:
        """Count who of them is still there."""
        left, of = _still_there(acting), len(_sessions(acting))
        return judged(of=of, done=of - left, open_ones=left)


def _end(acting: Acting[TerminateParameters], session: Mapping[str, Any], doing: Doing) -> None:
    with acting.site.database(acting.parameters.database) as connection:
        doing.check()
        try:
            row = connection.execute(END, {"pid": session["pid"], "began": session["began"]}).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            raise ActionFailed(f"session {session['pid']}: {error.diag.message_primary}") from None
    doing.say(f"session {session['pid']} was {'told to end' if row and row[0] else 'gone already'}")


def _still_there(acting: Acting[TerminateParameters]) -> int:
    with acting.site.watching(acting.parameters.database) as connection:
        row = connection.execute(STILL_THERE, _known(acting)).fetchone()
    return int(row["count"]) if row else 0


def _known(acting: Acting[TerminateParameters]) -> dict[str, Any]:
    sessions = _sessions(acting)
    return {"pids": [one["pid"] for one in sessions], "began": [one["began"] for one in sessions]}


def _sessions(acting: Acting[TerminateParameters]) -> list[dict[str, Any]]:
    return list(acting.facts["sessions"])

"""Let a pooler connect to its database anew, and go on where it was paused.

Says RECONNECT on PgBouncer's console, and RESUME where the database is paused there: each connection to the server is
closed when its client gives it back, and the next client gets a new one. Clients notice nothing; a transaction that is
open ends on the old connection first. It helps where the database moved or was restored, and where connections look
alive and are not. What was paused for all databases at once (`PAUSE;`) the console does not show; RESUME it by hand.
The described console login must be one of PgBouncer's admin_users.

At most once is not needed: said twice, connections are made anew twice, and RESUME of what goes on is refused by the
console. Verified through the pooler: a query of the application's login is answered, the database is not paused, and no
idle connection is left that should be closed. Of a lost worker only RESUME can be seen; else a person says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from awe_incidents.recovery.actions.base import Acting, Action, ActionFailed, Doing, Plan, Probed, Rate, Step, Verified
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable, TargetUnreachable
from diagnostics.stack import StackConfig

CLOSED_SECONDS = 10.0
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class ReconnectParameters(Parameters):
    """Whose pooler."""

    database: str = parameter("Name of the database in the stack's description; its pooler is meant.")


@dataclass(frozen=True, kw_only=True)
class ReconnectPooler(Action[ReconnectParameters]):
    """Connections of one pooler to one database."""

    slug: ClassVar[str] = "pooler.reconnect"
    title: ClassVar[str] = "Let a pooler connect to its database anew"
    tier: ClassVar[int] = 1
    rate: ClassVar[Rate] = Rate(times=30)
    parameters: ClassVar[type[Any]] = ReconnectParameters

    def not_applicable(self, stack: StackConfig, parameters: ReconnectParameters) -> str | None:
        """Apply only to a described pooler."""
        pooled = sorted(name for name, one in stack.databases.items() if one.pooler)
        if parameters.database in pooled:
            return None
        return f"stack {stack.name} describes no pooler of {parameters.database}; known: {', '.join(pooled) or 'none'}"

    def target(self, stack: StackConfig, parameters: ReconnectParameters) -> str:
        """Lock the database at the pooler."""
        pooler = stack.databases[parameters.database].pooler
        return f"{pooler.service if pooler else ''}/{parameters.database}"

    def fingerprint(self, site: Site, parameters: ReconnectParameters) -> Mapping[str, Any]:
        """Give where the pooler sends clients, and whether it does."""
        database = site.stack.databases[parameters.database]
        name = (database.pooler.dbname if database.pooler else None) or database.dbname
        return {"name": name, **_door(site, parameters.database, name)}

    def plan(self, acting: Acting[ReconnectParameters]) -> Plan:
        """Say that clients lose nothing."""
        return Plan(
            way_back="none is needed: connections are made anew by themselves",
            warnings=(
                "a transaction that stays open keeps its old connection; end it with database.terminate_sessions",
            ),
        )

    def steps(self, acting: Acting[ReconnectParameters]) -> Sequence[Step]:
        """Give RECONNECT, and RESUME where it is paused."""
        name = acting.facts["name"]
        steps = [Step("reconnect", f"RECONNECT {name}", partial(_say, acting, sql.SQL("RECONNECT {}")))]
        if acting.facts["is_paused"]:
            steps.append(Step("resume", f"RESUME {name}", partial(_say, acting, sql.SQL("RESUME {}"))))
        return steps

    def traces(self, stack: StackConfig, parameters: ReconnectParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show nothing: it is done by SQL, which no engine sees."""
        return ()

    def verify(self, acting: Acting[ReconnectParameters]) -> Verified:
        """Ask through the pooler, and see that what is idle was made anew."""
        name, deadline = acting.parameters.database, time.monotonic() + CLOSED_SECONDS
        while (old := _old_idle(acting)) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        door = _door(acting.site, name, acting.facts["name"])
        answer = answer_through(acting.site, name)
        is_good = not old and not door["is_paused"] and not answer
        text = answer or "a query through the pooler is answered"
        text += f"; {old} idle connections are left that should be closed" if old else ""
        text += "; it is still paused" if door["is_paused"] else ""
        return Verified(is_good=is_good, text=text, before=dict(acting.facts), after={**door, "old_idle": old})

    def probe(self, acting: Acting[ReconnectParameters]) -> Probed:
        """Look whether it is still paused, where it was."""
        door = _door(acting.site, acting.parameters.database, acting.facts["name"])
        if acting.facts["is_paused"] and not door["is_paused"]:
            return Probed.FINISHED_WELL  # RESUME is the last step
        return Probed.CANNOT_TELL


def answer_through(site: Site, database: str) -> str:
    """Ask the least through a database's pooler; empty where it is answered, else why it is not."""
    try:
        with site.pooled(database) as connection:
            connection.execute("SELECT 1")
    except (psycopg.Error, TargetUnreachable) as error:
        return f"a query through the pooler failed: {' '.join(str(error).split())[:300]}"
    return ""


def _say(acting: Acting[ReconnectParameters], command: sql.SQL, doing: Doing) -> None:
    said = command.format(sql.Identifier(acting.facts["name"]))
    with acting.site.console(acting.parameters.database) as connection:
        doing.check()
        try:
            connection.execute(said)
        except psycopg.errors.Error as error:
            if error.sqlstate is None:  # the connection broke, and it may have been heard
                raise
            raise ActionFailed(f"the console refused it: {' '.join(str(error).split())[:300]}") from None
        doing.say(f"{said.as_string(connection)} was done")


def _door(site: Site, database: str, name: str) -> dict[str, Any]:
    with site.console(database) as connection:
        rows = connection.execute("SHOW DATABASES").fetchall()
    for row in rows:
        if row["name"] == name:
            address = f"{row.get('host') or ''}:{row.get('port') or ''}/{row.get('database') or ''}"
            return {"address": address, "is_paused": str(row.get("paused", 0)) != "0"}
    raise ActionNotApplicable(f"the pooler knows no database {name}")


def _old_idle(acting: Acting[ReconnectParameters]) -> int:
    with acting.site.console(acting.parameters.database) as connection:
        rows = connection.execute("SHOW SERVERS").fetchall()
    mine = (row for row in rows if row["database"] == acting.facts["name"])
    return sum(row["state"] != "active" and str(row.get("close_needed", 0)) != "0" for row in mine)

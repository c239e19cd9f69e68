"""Restore a database from a backup beside the live one, and swap the two by their names.

The backup is read into a new database inside the database's container (`pg_restore`, or `psql` for plain SQL, through
the local socket as the monitor's login, which must be a superuser), while the live one goes on serving. The first error
ends it, and as many tables have to be there as the dump has data of. Then both are renamed in one transaction: clients
lose their connections, wait for a moment, and find the restored one under the name that they know. The live one is
kept, as NAME_old_OID. What was written after the backup was made is in the old one only. Custom dumps and plain SQL are
taken, as people make both (`pg_dump > file.sql` is plain, whatever reads it); plain SQL is a program that runs with all
rights, so look who wrote it. Settings and grants of the database itself are in no dump.

At most once: the new database bears the OID of the live one and the backup's checksum in its name, and the old one its
own OID, so that the server refuses each step a second time; and a container that is never started takes each step's
token as its name. Verified by SQL and, with a pooler, through it: the name leads to another database than before, the
old one is there, and the application's login is answered. Of a lost worker the names of databases tell whether the swap
was made; what was restored and not swapped is left as it is, and a person says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from awe_incidents.recovery.actions.base import (
    Acting,
    Action,
    ActionFailed,
    AlreadyDone,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.containers import looking_inside, no_database, run_once
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.pooler.reconnect import answer_through
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace, exec_once
from awe_incidents.recovery.errors import ActionNotApplicable, TargetUnreachable
from diagnostics.stack import Database, StackConfig

MAX_NAME = 63  # bytes of a name in PostgreSQL
SWAP_SECONDS = 30.0
ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.1
MAX_SAID = 4_000
UNTOUCHED = 74  # exit code of the script: it has made no database
ABOUT = """
SELECT oid::text AS oid, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding,
 datcollate AS collate, datctype AS ctype, pg_database_size(oid) AS size,
 datacl IS NOT NULL OR EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = pg_database.oid) AS has_settings,
 (SELECT system_identifier::text FROM pg_control_system()) AS system
FROM pg_database WHERE datname = %(name)s
"""
NAMES = "SELECT datname AS name, oid::text AS oid FROM pg_database WHERE datname = ANY (%(names)s)"
MAY = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %(name)s AND pid <> pg_backend_pid()"
# $0 file, $1 role, $2 new database, $3 owner, $4 encoding, $5 collate, $6 ctype, $7 checksum. What it made it removes
# again where it fails. `createdb` is what the server refuses a second time.
SCRIPT = """\
set -eu
sum=$(sha256sum <"$0")
[ "${sum%% *}" = "$7" ] || { echo "$0 is not the file that was approved" >&2; exit 74; }
createdb --username="$1" --no-password --maintenance-db=postgres --template=template0 --owner="$3" --encoding="$4" \
 --lc-collate="$5" --lc-ctype="$6" "$2" || exit 74
trap 'dropdb --username="$1" --no-password --maintenance-db=postgres --force "$2"' EXIT
if [ "$(head -c 5 "$0")" = PGDMP ]; then
  pg_restore --username="$1" --no-password --exit-on-error --single-transaction --dbname="$2" "$0"
  tables=$(pg_restore --list "$0" | grep -c '^[0-9]*; [0-9 ]* TABLE DATA ' || true)
else
  psql --username="$1" --no-password --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction --dbname="$2" \
 --file="$0" >/dev/null
  tables=$(grep -c '^COPY .* FROM stdin;$' "$0" || true)
fi
there=$(psql --username="$1" --no-password --no-psqlrc --dbname="$2" -Atc \
 "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
[ "$there" -ge "$tables" ] || { echo "the dump has data of $tables tables, the database $there tables" >&2; exit 1; }
trap - EXIT
echo "$tables tables with data"
"""


@dataclass(frozen=True, kw_only=True)
class RestoreParameters(Parameters):
    """Which database, from which backup."""

    database: str = parameter("Name of the database in the stack's description.")
    file: str = parameter(
        "Name of a file in the described folder of backups.", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$"
    )
    minutes: int = parameter("How long reading it may take.", default=60, minimum=1, maximum=1440)


@dataclass(frozen=True, kw_only=True)
class RestoreDatabase(Action[RestoreParameters]):
    """One database from one file."""

    slug: ClassVar[str] = "database.restore"
    title: ClassVar[str] = "Restore a database beside the live one and swap them"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = RestoreParameters

    def not_applicable(self, stack: StackConfig, parameters: RestoreParameters) -> str | None:
        """Apply only where backups of a database in a container are described."""
        if why := no_database(stack, parameters.database):
            return why
        database = stack.databases[parameters.database]
        if database.backups is None:
            return f"no [databases.{parameters.database}.backups] says where its backups lie"
        return None if database.monitor else f"no [databases.{parameters.database}.monitor] names a superuser"

    def target(self, stack: StackConfig, parameters: RestoreParameters) -> str:
        """Lock the whole database server."""
        return stack.databases[parameters.database].service

    def fingerprint(self, site: Site, parameters: RestoreParameters) -> Mapping[str, Any]:
        """Give the live database, the backup's checksum, and the names that will be given."""
        database = site.stack.databases[parameters.database]
        path = f"{database.backups.directory if database.backups else ''}/{parameters.file}"
        with looking_inside(site, database.service, seconds=parameters.minutes * 60) as inside:
            code, output = inside.run(["sha256sum", path])
            container = inside.container.id
        if code:
            raise ActionNotApplicable(f"{path} is not in the container, or cannot be read there")
        checksum = output.decode(errors="replace").split()[0].lstrip("\\")
        with site.watching(parameters.database) as connection:
            row = connection.execute(ABOUT, {"name": database.dbname}).fetchone()
            live = {name: value for name, value in (row or {}).items() if name not in {"size"}}
            new, old = f"{database.dbname}_new_{live['oid']}_{checksum[:8]}", f"{database.dbname}_old_{live['oid']}"
            if taken := connection.execute(NAMES, {"names": [new, old]}).fetchall():
                raise ActionNotApplicable(
                    f"a database {taken[0]['name']} is there of an earlier try; rename or drop it"
                )
        if max(len(new.encode()), len(old.encode())) > MAX_NAME:
            raise ActionNotApplicable(f"the name {database.dbname} is too long to be given another ending")
        return {"container": container, "file": path, "sha256": checksum, "new": new, "old": old, "live": live}

    def plan(self, acting: Acting[RestoreParameters]) -> Plan:
        """Say what is lost, and what is not."""
        facts, name = acting.facts, _database(acting).dbname
        settings = (f"grants and settings of the database {name} itself are not taken over: give them again",)
        return Plan(
            destroys=(
                f"every connection to {name} at the moment of the swap, and the transactions open in them",
                f"for clients: what was written after the backup was made; it stays in {facts['old']}",
            ),
            way_back=(
                f"{facts['old']} is kept: end the sessions, then ALTER DATABASE {name} RENAME TO {facts['new']}; "
                f"ALTER DATABASE {facts['old']} RENAME TO {name}"
            ),
            warnings=("both take disk until the old one is dropped by hand",)
            + (settings if facts["live"]["has_settings"] else ()),
        )

    def prechecks(self, acting: Acting[RestoreParameters]) -> Iterator[str]:
        """See that the login may do it."""
        with acting.site.watching(acting.parameters.database) as connection:
            row = connection.execute(MAY).fetchone() or {}
        if not row.get("rolsuper"):
            yield "the monitor's login is no superuser, so it can neither restore nor rename"

    def steps(self, acting: Acting[RestoreParameters]) -> Sequence[Step]:
        """Give the restore and the swap."""
        facts, name = acting.facts, _database(acting).dbname
        return [
            Step("restore", f"Restore {facts['file']} into {facts['new']}", partial(_restore, acting)),
            Step("swap", f"Rename {name} to {facts['old']} and {facts['new']} to {name}", partial(_swap, acting)),
        ]

    def traces(self, stack: StackConfig, parameters: RestoreParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show one run of the script; of the swap an engine sees nothing."""
        database = stack.databases[parameters.database]
        return [exec_once(database.service, *_words(database, facts))]

    def verify(self, acting: Acting[RestoreParameters]) -> Verified:
        """Look which database bears the name, and be the application."""
        facts, name = acting.facts, _database(acting).dbname
        oids, deadline = _oids(acting), time.monotonic() + ANSWER_SECONDS
        is_swapped = oids.get(facts["old"]) == facts["live"]["oid"] and oids.get(name) not in {
            None,
            facts["live"]["oid"],
        }
        while (answer := _answer(acting)) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        text = (
            f"{name} is another database than before, which is {facts['old']}" if is_swapped else "nothing was swapped"
        )
        text += f"; {answer}" if answer else "; the application's login is answered"
        before, after = {name: facts["live"]["oid"]}, dict(oids)
        return Verified(is_good=is_swapped and not answer, text=text, before=before, after=after)

    def probe(self, acting: Acting[RestoreParameters]) -> Probed:
        """Look at the names of databases."""
        oids, facts = _oids(acting), acting.facts
        if oids.get(facts["old"]) == facts["live"]["oid"] and _database(acting).dbname in oids:
            return Probed.FINISHED_WELL
        return Probed.CANNOT_TELL  # it may be being read


def _restore(acting: Acting[RestoreParameters], doing: Doing) -> None:
    database, facts = _database(acting), acting.facts
    ended = run_once(
        acting.site,
        database.service,
        _words(database, facts),
        doing=doing,
        seconds=acting.parameters.minutes * 60,
    )
    if ended.code == 0:
        doing.say(f"restored {facts['file']} into {facts['new']}; {ended.last_line}")
        return
    doing.say(ended.tail(MAX_SAID))
    if ended.code != UNTOUCHED and facts["new"] in _oids(acting):
        raise RuntimeError(f"{facts['new']} is left behind, not whole")
    raise ActionFailed(f"the live database was not touched: {ended.last_line or f'exit code {ended.code}'}")


def _words(database: Database, facts: Mapping[str, Any]) -> list[str]:
    live = facts["live"]
    words = [facts["file"], database.as_watched.user, facts["new"], live["owner"], live["encoding"], live["collate"]]
    return ["sh", "-c", SCRIPT, *words, live["ctype"], facts["sha256"]]


def _swap(acting: Acting[RestoreParameters], doing: Doing) -> None:
    """Rename both at once; the lock of the first rename keeps new sessions out while the old ones are ended."""
    facts, name = acting.facts, _database(acting).dbname
    with acting.site.engine(seconds=SWAP_SECONDS) as engine:
        image = acting.site.surroundings.containers(anew=True)[_database(acting).service][0].image
        if not engine.take_name(doing.token, image=image):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
    if (now := _oids(acting).get(name)) != facts["live"]["oid"]:
        raise ActionFailed(f"{name} is not the database that was approved (OID {now})")
    doing.check()
    done = threading.Event()
    ending = threading.Thread(target=_end_sessions, args=(acting, name, done))
    with acting.site.administering(acting.parameters.database, statement_seconds=SWAP_SECONDS) as connection:
        ending.start()
        try:
            with connection.transaction():
                for before, after in ((name, facts["old"]), (facts["new"], name)):
                    connection.execute(_rename(before, after))
        except (psycopg.errors.ObjectInUse, psycopg.errors.DuplicateDatabase, psycopg.errors.QueryCanceled) as error:
            raise ActionFailed(f"nothing was renamed: {error.diag.message_primary}") from None
        finally:
            done.set()
            ending.join()
    doing.say(f"{name} is the restored one now, and the former is {facts['old']}")


def _end_sessions(acting: Acting[RestoreParameters], name: str, done: threading.Event) -> None:
    with acting.site.administering(acting.parameters.database) as connection:
        while not done.wait(PAUSE_SECONDS):
            connection.execute(END, {"name": name})


def _rename(before: str, after: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(before), sql.Identifier(after))


def _oids(acting: Acting[RestoreParameters]) -> dict[str, str]:
    facts, name = acting.facts, _database(acting).dbname
    with acting.site.administering(acting.parameters.database) as connection:
        rows = connection.execute(NAMES, {"names": [name, facts["new"], facts["old"]]}).fetchall()
    return {row["name"]: row["oid"] for row in rows}


def _answer(acting: Acting[RestoreParameters]) -> str:
    """Give why the application's login is not answered, or nothing."""
    name = acting.parameters.database
    try:
        with acting.site.database(name) as connection:
            connection.execute("SELECT 1")
    except (psycopg.Error, TargetUnreachable) as error:
        return f"the application's login is not answered: {' '.join(str(error).split())[:300]}"
    return answer_through(acting.site, name) if _database(acting).pooler else ""


def _database(acting: Acting[RestoreParameters]) -> Database:
    return acting.site.stack.databases[acting.parameters.database]

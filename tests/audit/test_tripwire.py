"""The tripwire: whoever lifts a guard of an append-only table is told of by `manage.py check`."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunSQL

from awe_incidents.audit.guards import REFUSE_CHANGE
from awe_incidents.audit.tripwire import append_only_tables, broken_guards, check_guards
from tests.audit import rows

LEAF = "audit_leaf_no_change"
TRUNCATE = "audit_leaf_no_truncate"
_BODY = f"RETURNS trigger LANGUAGE plpgsql AS $${REFUSE_CHANGE}$$"
_OFF = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
_HOLLOW = (
    f"CREATE TRIGGER {LEAF} BEFORE DELETE OR UPDATE ON audit_leaf FOR EACH ROW WHEN (false)"
    " EXECUTE FUNCTION refuse_change()"
)


@pytest.fixture
def superuser(transactional_db: None) -> Iterator[psycopg.Connection]:
    """Somebody who can do everything; what they did is undone afterwards."""
    with rows.connected(rows.SUPERUSER) as superuser:
        made = dict(superuser.execute("SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger").fetchall())
        yield superuser
        superuser.execute(f"CREATE OR REPLACE FUNCTION refuse_change() {_BODY}")
        for name in (LEAF, TRUNCATE):
            superuser.execute(f"DROP TRIGGER IF EXISTS {name} ON audit_leaf")
            superuser.execute(made[name])
            superuser.execute(f"ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER {name}")
        superuser.execute("ALTER TABLE incidents_timelineentry ENABLE ALWAYS TRIGGER incidents_timelineentry_no_change")
    assert told() == []


def told() -> list[str]:
    return [str(one) for one in broken_guards(connection, append_only_tables())]


def test_all_guards_of_a_migrated_database_stand(transactional_db: None) -> None:
    assert told() == []
    call_command("check", databases=["default"])


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"ALTER TABLE audit_leaf DISABLE TRIGGER {LEAF}", f"{LEAF} of audit_leaf is not always on (tgenabled is D)"),
        (f"ALTER TABLE audit_leaf ENABLE TRIGGER {LEAF}", f"{LEAF} of audit_leaf is not always on (tgenabled is O)"),
        (
            f"ALTER TABLE audit_leaf ENABLE REPLICA TRIGGER {TRUNCATE}",
            f"{TRUNCATE} of audit_leaf is not always on (tgenabled is R)",
        ),
        (f"DROP TRIGGER {TRUNCATE} ON audit_leaf", f"{TRUNCATE} of audit_leaf is gone"),
        (
            f"DROP TRIGGER {LEAF} ON audit_leaf; {_HOLLOW}; ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER {LEAF}",
            "is another one",
        ),
        (
            f"CREATE OR REPLACE FUNCTION refuse_change() {_OFF}",
            f"{LEAF} of audit_leaf calls a function that was changed",
        ),
    ],
)
def test_a_guard_that_a_superuser_lifts_is_named(superuser: psycopg.Connection, statement: str, words: str) -> None:
    superuser.execute(statement)
    assert any(words in one for one in told()), told()
    with pytest.raises(SystemCheckError, match=r"audit\.E001"):
        call_command("check", databases=["default"])


def test_the_check_says_which_guard_and_what_to_do(superuser: psycopg.Connection) -> None:
    superuser.execute(f"ALTER TABLE audit_leaf DISABLE TRIGGER {LEAF}")
    (error,) = check_guards(None, databases=["default"])
    assert LEAF in error.msg
    assert f"ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER {LEAF}" in str(error.hint)


def test_a_single_month_without_its_guard_is_named(superuser: psycopg.Connection) -> None:
    month = superuser.execute(
        "SELECT relid::regclass::text FROM pg_partition_tree('incidents_timelineentry') WHERE isleaf ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert month is not None
    superuser.execute(f"ALTER TABLE {month[0]} DISABLE TRIGGER incidents_timelineentry_no_change")
    assert told() == [f"incidents_timelineentry_no_change of {month[0]} is not always on (tgenabled is D)"]


def test_no_database_is_asked_unless_it_is_named(superuser: psycopg.Connection) -> None:
    superuser.execute(f"ALTER TABLE audit_leaf DISABLE TRIGGER {LEAF}")
    assert check_guards(None) == []
    assert check_guards(None, databases=[]) == []
    call_command("check")


def test_every_table_that_migrations_make_append_only_is_looked_at(db: None) -> None:
    loader = MigrationLoader(None)
    made = {
        f"{config.label}:{line.split()[2]}"
        for config in apps.get_app_configs()
        for (label, _), migration in loader.disk_migrations.items()
        if label == config.label
        for operation in migration.operations
        if isinstance(operation, RunSQL)
        for line in str(operation.sql).splitlines()
        if "ENABLE ALWAYS TRIGGER" in line and line.rstrip().endswith("_no_change;")
    }
    named = {
        f"{config.label}:{one.table}" for config in apps.get_app_configs() for one in getattr(config, "append_only", ())
    }
    assert made == named

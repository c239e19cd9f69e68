"""The test database: made and migrated by the migrator, used by the application's role, cleaned by the owner."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connection

from awe_incidents.local.roles import SuperuserLogin, create_database, drop_database


def superuser() -> SuperuserLogin:
    """Give the way in that no program of the product has."""
    return SuperuserLogin(os.environ["SUPERUSER_DATABASE_URL"])


def make_database(name: str) -> None:
    """Create an empty database and migrate it as the migrator, as a deployment does."""
    drop_database(superuser(), name)
    create_database(superuser(), name)
    application = dict(connection.settings_dict)
    migrator = urlsplit(os.environ["MIGRATOR_DATABASE_URL"])
    try:
        _connect_as(name=name, user=migrator.username or "", password=migrator.password or "")
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        _connect_as(name=name, user=application["USER"], password=application["PASSWORD"])


def _connect_as(*, name: str, user: str, password: str) -> None:
    connection.close()
    connection.settings_dict.update(NAME=name, USER=user, PASSWORD=password)


def remove_database(name: str) -> None:
    """Drop it, whoever is still connected."""
    connection.close()
    drop_database(superuser(), name)


def empty_tables(database: str) -> None:
    """Empty every table but what migrations filled; the owner has to lift the guards of append-only tables for it."""
    with superuser().connect(database) as owner:
        owner.execute("SET role incidents_owner")
        for (month,) in owner.execute(_MONTHS_BESIDES).fetchall():
            owner.execute(f"DROP TABLE {month}")
        tables = [row[0] for row in owner.execute(_TABLES_WITH_ROWS)]
        guarded = owner.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE '%\\_no\\_%'"
        ).fetchall()
        with owner.transaction():
            for table, trigger in guarded:
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            owner.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
            owner.execute("INSERT INTO audit_sequence DEFAULT VALUES")
            for table, trigger in guarded:
                owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


_TABLES_WITH_ROWS = """
SELECT format('%I', relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
"""
# A test may have made months long past.
_MONTHS_BESIDES = """
SELECT format('%I', relname) FROM pg_class
WHERE relispartition AND relkind = 'r' AND relname ~ '_[0-9]{6}$'
  AND right(relname, 6) NOT BETWEEN to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
                                AND to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYYMM')
"""

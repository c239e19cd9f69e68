"""Entries as committed rows, by connections of the roles that the programs of the trail have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection as django_connection
from psycopg.conninfo import make_conninfo

from awe_incidents.audit.bundle import Record
from awe_incidents.audit.processes import connect
from tests.audit import logs

APPLICATION, SIGNER, SUPERUSER = "DATABASE_URL", "SIGNER_DATABASE_URL", "SUPERUSER_DATABASE_URL"
ROOT = Path(__file__).parents[2]
_INSERT = """
INSERT INTO audit_entry (body, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at)
VALUES (%(body)s, %(event_id)s, %(verb)s, %(subject_type)s, %(subject_id)s, %(actor)s, %(incident_id)s, %(occurred_at)s)
"""
_INSERT_MANY = """
INSERT INTO audit_entry (body, event_id, verb, subject_type, subject_id, actor, occurred_at)
SELECT convert_to(place::text, 'UTF8'), gen_random_uuid(), 'stack:tried', 'stack', '1', 'system', now()
FROM generate_series(1, %s) AS place"""


def url_of(role: str) -> str:
    """Give the address of the test database for a role."""
    return make_conninfo(os.environ[role], dbname=str(django_connection.settings_dict["NAME"]))


@contextmanager
def connected(role: str = APPLICATION) -> Iterator[psycopg.Connection]:
    with connect(url_of(role), name="test") as connection:
        yield connection


def insert(connection: psycopg.Connection, *numbers: int) -> None:
    """Insert entries; the number makes their content."""
    for number in numbers:
        insert_record(connection, logs.entry(number, at=logs.BEGAN + number))


def insert_record(connection: psycopg.Connection, one: Record) -> None:
    """Insert an entry of any content."""
    connection.execute(_INSERT, {**one.projection, "body": one.body})


def insert_many(number: int) -> None:
    """Insert many entries at once, of bytes that are nothing but different."""
    with connected() as application:
        application.execute(_INSERT_MANY, [number])


def numbers_in_order(connection: psycopg.Connection) -> list[int]:
    """Give the numbers of all entries that have a leaf, in the order of the leaves, which have to be contiguous."""
    rows = connection.execute(
        "SELECT index, body FROM audit_leaf JOIN audit_entry ON audit_entry.id = entry_id ORDER BY index"
    ).fetchall()
    assert [index for index, _ in rows] == list(range(len(rows)))
    return [json.loads(bytes(body))["data"]["number"] for _, body in rows]


def tamper(*statements: str) -> None:
    """Change rows as a superuser can, past all guards."""
    with connected(SUPERUSER) as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("entry", "leaf", "checkpoint", "subtree", "logkey"):
            superuser.execute(f"ALTER TABLE audit_{table} DISABLE TRIGGER USER")
        for statement in statements:
            superuser.execute(statement)
        for table in ("entry", "leaf", "checkpoint", "subtree", "logkey"):
            superuser.execute(f"ALTER TABLE audit_{table} ENABLE ALWAYS TRIGGER audit_{table}_no_change")
            superuser.execute(f"ALTER TABLE audit_{table} ENABLE ALWAYS TRIGGER audit_{table}_no_truncate")


def execute_as_superuser(statement: str) -> None:
    with connected(SUPERUSER) as superuser:
        superuser.execute(statement)


def environment(role: str, **more: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": _as_url(role), **more}


def _as_url(role: str) -> str:
    parts = os.environ[role].rpartition("/")
    return f"{parts[0]}/{django_connection.settings_dict['NAME']}"


def start(*words: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a program of the trail, or what stands for it, as a real process."""
    return subprocess.Popen(
        [sys.executable, *words], env=dict(env), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

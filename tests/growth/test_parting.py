"""A database of before months were made: its rows keep their ids, their guards and their rights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.utils import timezone

from awe_incidents import monthly
from awe_incidents.local.layout import CHECKOUT
from awe_incidents.local.roles import create_database, drop_database
from tests.database import superuser

NAME = "test_parting"
ROWS = """
INSERT INTO accounts_user (id, username, password, is_superuser, first_name, last_name, email, is_staff, is_active,
  date_joined, roles) VALUES (1, 'reporter', '', false, '', '', '', false, true, now(), '{}');
INSERT INTO diagnostics_stack (id, name, environment, document, digest, redaction_key, applied_at)
  VALUES (1, 'old', 'Staging', '{}', '', '', now());
INSERT INTO incidents_incident (id, stack_id, title, state, severity, category, opened_at, changed_at, version)
  VALUES (1, 1, 'old', 'open', '', '', now(), now(), 1);
INSERT INTO incidents_bugreport (incident_id, stack_id, reporter_id, environment, docker_compose_version,
  container_logs, steps_to_reproduce, expected_behavior, actual_behavior, screenshots, redactions, filed_at)
  SELECT 1, 1, 1, 'Staging', '', '', '', '', 'number ' || n, '', '{}', now() FROM generate_series(1, 20) n;
INSERT INTO incidents_timelineentry (incident_id, kind, text, actor, data, occurred_at)
  SELECT 1, 'report_filed', 'report ' || n, 'x', '{}', now() FROM generate_series(1, 20) n;
INSERT INTO diagnostics_run (id, stack_id, suite, reason, state, requested_at, rung_at, counts, digest)
  VALUES (1, 1, 'full', '', 'queued', now(), now(), '{}', '');
INSERT INTO diagnostics_checkresult (run_id, slug, version, progress, fence, state, is_blocking, code, message, target,
  findings, prerequisite, next_checks, vantage)
  SELECT 1, 'check.' || n, 1, 'waiting', 0, '', false, '', '', '', '[]', '', '{}', '' FROM generate_series(1, 20) n;
INSERT INTO diagnostics_evidencetext VALUES (repeat('0', 64), '', 0, 0);
INSERT INTO diagnostics_evidence (result_id, key, kind, source, first_line, text_id, rule_set_version, redactions,
  dropped_bytes)
  SELECT n, 'e1', 'x', '', 1, repeat('0', 64), '', '{}', 0 FROM generate_series(1, 20) n;
"""


def migrate(*target: str) -> None:
    url = urlsplit(os.environ["MIGRATOR_DATABASE_URL"])._replace(path=f"/{NAME}").geturl()
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input", *target],
        cwd=CHECKOUT,
        env={**os.environ, "DATABASE_URL": url},
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def carried() -> Iterator[psycopg.Connection]:
    """The application's connection to a database with old rows that was migrated."""
    create_database(superuser(), NAME)
    try:
        migrate("incidents", "0002")
        migrate("diagnostics", "0002")
        with superuser().connect(NAME) as connection:
            connection.execute(ROWS)
        migrate()
        with superuser().connect(NAME) as connection:
            connection.execute("SET role incidents_app")
            yield connection
    finally:
        drop_database(superuser(), NAME)


_OLD = "SELECT id, tableoid::regclass::text FROM {} WHERE id < 1000 ORDER BY id"
TABLES = ["diagnostics_checkresult", "diagnostics_evidence", "incidents_bugreport", "incidents_timelineentry"]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_keeps_its_id(carried: psycopg.Connection, table: str) -> None:
    found = carried.execute(_OLD.format(table)).fetchall()
    assert found == [(number, f"{table}_before") for number in range(1, 21)]


def test_what_comes_then_gets_ids_of_its_month(carried: psycopg.Connection) -> None:
    (row,) = carried.execute(
        "INSERT INTO incidents_timelineentry (incident_id, kind, text, actor, data, occurred_at)"
        " VALUES (1, 'note', 'new', 'x', '{}', now()) RETURNING id, tableoid::regclass::text"
    )
    month = monthly.month_of(timezone.now())
    assert row[0] == monthly.first_id(month) + 1
    assert row[1] == f"incidents_timelineentry_{month}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents_timelineentry SET text = 'x' WHERE id = 5",
        "DELETE FROM incidents_timelineentry WHERE id = 5",
        "UPDATE incidents_bugreport SET actual_behavior = 'x' WHERE id = 5",
        "DELETE FROM incidents_bugreport WHERE id = 5",
        "UPDATE incidents_bugreport_before SET incident_id = 1",
        "DELETE FROM incidents_timelineentry_before",
        "TRUNCATE incidents_bugreport_before",
    ],
)
def test_old_rows_keep_their_guards(carried: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        carried.execute(statement)


def test_old_rows_keep_what_may_be_done(carried: psycopg.Connection) -> None:
    assert carried.execute("UPDATE incidents_bugreport SET incident_id = 1 WHERE id = 5").rowcount == 1
    assert carried.execute("UPDATE diagnostics_checkresult SET fence = 1 WHERE id = 5").rowcount == 1


def test_old_rows_keep_their_constraints(carried: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        carried.execute(
            "INSERT INTO diagnostics_evidence (id, result_id, key, kind, source, first_line, text_id, rule_set_version,"
            " redactions, dropped_bytes) VALUES (21, 1, 'e1', 'x', '', 1, repeat('0', 64), '', '{}', 0)"
        )
    with pytest.raises(psycopg.errors.CheckViolation, match="result_progress"):
        carried.execute("UPDATE diagnostics_checkresult SET progress = 'x' WHERE id = 5")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        carried.execute("DELETE FROM diagnostics_evidencetext")


def test_reports_of_before_are_judged(carried: psycopg.Connection) -> None:
    found = carried.execute("SELECT DISTINCT completeness, lint->0->>'code' FROM incidents_bugreport WHERE id < 1000")
    assert sorted(found.fetchall()) == [(20, "missing"), (35, "missing")]

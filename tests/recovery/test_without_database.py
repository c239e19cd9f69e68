"""The worst hour: PostgreSQL is stopped for real, Redis and workers are away; what was done by hand is kept."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.roles import DATABASE, LOGINS, create_database, create_roles, database_urls
from tests.services import FAST_SETTINGS

MANAGE = Path(__file__).parents[2] / "manage.py"
CANARY = "canary-Zq81-value"
STACK = """
schema = 1
name = "plain"
environment = "Production"
vantage = "process"

[services.api]
role = "api"

[services.postgres]
role = "database"

[databases.books]
service = "postgres"
host = "127.0.0.1"
port = 1
dbname = "books"
user = "books"
password = "file:password"
"""


class Place:
    """A service with its own PostgreSQL, which can be stopped, and commands that run as programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        cluster = PostgresCluster.at(
            folder / "postgres", port=take_port(folder / "ports.json", "postgres"), settings=FAST_SETTINGS
        )
        self.cluster, self._server = cluster, Alone(cluster.program(), log=folder / "postgres.log").start()
        passwords = {name: secrets.token_urlsafe(24) for name in LOGINS}
        create_roles(cluster, passwords)
        create_database(cluster, DATABASE)
        self.urls = database_urls(cluster, passwords)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def run(self, *argv: str, code: int = 0, typed: str = "", **environment: str) -> str:
        """Run manage.py, and give what it says."""
        env = {
            **os.environ,
            "DATABASE_URL": self.urls["DATABASE_URL"],
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "AWE_ENV": "development",
            "AWE_DB_POOL": "0",
            "AWE_RECOVERY_JOURNAL": str(self.journal),
            **environment,
        }
        done = subprocess.run(
            [sys.executable, str(MANAGE), *argv], env=env, input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def recovery(self, *argv: str, code: int = 0, typed: str = "", **environment: str) -> str:
        by = ("--token-file", str(self.folder / "token"))
        return self.run("recovery", *argv, *by, code=code, typed=typed, **environment)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="awe-tests-worst-"))
    folder.chmod(0o711)
    made = Place(folder)
    try:
        made.run("migrate", "--verbosity", "0", DATABASE_URL=made.urls["MIGRATOR_DATABASE_URL"])
        (folder / "stack.toml").write_text(STACK)
        (folder / "password").write_text(CANARY)
        made.run("apply_stack", str(folder / "stack.toml"))
        made.run("create_user", "olga", "--role", "operator")
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(made.run("create_token", "olga").strip().splitlines()[-1])
        yield made
    finally:
        made.stop()
        made.cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def stopped(place: Place) -> Iterator[None]:
    place.stop()
    try:
        yield
    finally:
        place.start()


def test_the_worst_hour_from_journal_to_trail(place: Place) -> None:
    typed = f"pg_ctl start\nexport PGPASSWORD={CANARY}\nexport API_KEY=hunter2secret\n"
    said = ("record", "plain", "--done-by", "Olga", "--commands-file", "-", "--stack-file")
    stack = str(place.folder / "stack.toml")
    with stopped(place):
        told = place.recovery("status", code=3, AWE_DB_POOL="4")  # a pool says in another way that it got nothing
        assert "so nothing was done" in told
        for step in (("status",), ("request", "plain", "service.restart", "service=api", "--because", "x")):
            told = place.recovery(*step, code=3)
            assert "our own database does not answer, so nothing was done" in told
            assert "manage.py recovery record" in told
        for number in (1, 2, 3):
            told = place.recovery(*said, stack, "--because", f"it was down, {number}", typed=typed)
            assert f"as line {number}, signed by key" in told
        assert "give --done-by NAME" in place.recovery("record", "plain", "--because", "x", code=2)
        assert place.run("recovery", "journal").count("it was down") == 3
        assert "does not answer" in place.recovery("journal", "--take-in", code=3)

    path = place.journal / "journal.jsonl"
    content = path.read_text()
    assert CANARY not in content
    assert "hunter2secret" not in content
    path.write_text(content.replace("it was down, 2", "it was up, 2"))

    told = place.recovery("journal", "--take-in", code=1)
    assert "line 2 REFUSED: its signature is wrong: it was changed after it was written" in told
    assert "line 3" in told
    assert "what stood before it was changed or taken away" in told
    assert told.count("taken in as manual action") == 2
    assert "1 line(s) were refused; all others are as told above" in told
    assert place.recovery("journal", "--take-in", code=1).count("taken in before") == 2

    with psycopg.connect(place.urls["DATABASE_URL"]) as connection:
        kept = connection.execute(
            "SELECT because, done_by, commands, number, follows, written_at <= recorded_at"
            " FROM recovery_manualaction JOIN recovery_journaledaction ON action_id = id ORDER BY id"
        ).fetchall()
        entries = connection.execute(
            "SELECT body FROM audit_entry WHERE verb = 'manual_action:recorded' ORDER BY id"
        ).fetchall()
    assert [(row[0], row[1], *row[3:]) for row in kept] == [
        ("it was down, 1", "Olga", 1, True, True),
        ("it was down, 3", "Olga", 3, False, True),
    ]
    assert all("pg_ctl start" in row[2] and CANARY not in row[2] for row in kept)
    told_late = [json.loads(bytes(body))["data"] for (body,) in entries]
    assert [(one["is_late"], one["journal"]["number"]) for one in told_late] == [(True, 1), (True, 3)]


def test_without_redis_and_worker_the_rest_goes_on(place: Place) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    told = place.recovery("freeze", "plain", "--until", tomorrow, "--because", "x", "--json")
    assert '"stack": "plain"' in told
    assert "freeze" in place.recovery("times")
    assert "recorded as manual action" in place.recovery("record", "plain", "--because", "turned it off and on")

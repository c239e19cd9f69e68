"""Nothing that our programs print or log shows a secret: canaries through every way out, in real processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery
from django.db import DatabaseError, connection, transaction

from awe_incidents.accounts.models import User
from diagnostics.models import Stack
from tests import database
from tests.api.conftest import FILING, token_of
from tests.api.web_server import CHECKOUT, database_url, serving
from tests.leaks.canaries import KEY, PASSWORD, SHOULD_BE_SEEN, TEXT, TOKEN, leaked
from tests.leaks.urls import LEAKS, own_secrets

SETTINGS = "tests.leaks.settings"
WORKER_SECONDS = 40.0

pytestmark = pytest.mark.django_db(transaction=True)


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "AWE_DB_POOL": "2",
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        **more,
    }


def test_the_web_server_shows_none(reporter: User, stack: Stack, tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with serving(database_url(), log, AWE_LOG_LEVEL="DEBUG", DJANGO_SETTINGS_MODULE=SETTINGS) as server:
        for name in (*LEAKS, "streamed"):
            try:
                server.get(f"/leaks/{name}/")
            except httpx.HTTPError:
                assert name == "streamed"
        token = {"Authorization": f"Bearer {token_of(reporter)}"}
        server.get(f"/api/v1/{TOKEN}/", headers=token)
        server.get("/api/v1/runs/", params={"token": TOKEN, "password": PASSWORD}, headers=token)
        server.get("/api/v1/runs/", headers={**token, "Cookie": f"sessionid={PASSWORD}"})
        server.get("/api/v1/runs/", headers={"Authorization": f"Bearer {TOKEN}"})
        server.post(
            FILING, content=f'{{"container_logs": "{TEXT}', headers={**token, "Content-Type": "application/json"}
        )
        server.post("/admin/login/", data={"username": PASSWORD, "password": PASSWORD})
    output = log.read_text(errors="replace")
    assert leaked(output, *own_secrets(), token["Authorization"]) == [], output
    assert SHOULD_BE_SEEN in output
    assert "the end of what is printed" in output


@contextmanager
def worker(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "celery", "-A", "awe_incidents.celery", *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=CHECKOUT, env=environment(), stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(log: Path, text: str) -> None:
    ends_at = time.monotonic() + WORKER_SECONDS
    while text not in (output := log.read_text(errors="replace")):
        assert time.monotonic() < ends_at, output[-3000:]
        time.sleep(0.1)


def test_a_worker_shows_none(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with worker(log, "worker", "-P", "threads", "-c", "2", "-I", "tests.leaks.tasks", "-Q", "diagnostics,housekeeping"):
        wait_for(log, "ready")
        sender: Any = Celery(broker=os.environ["REDIS_URL"])
        for name in (*LEAKS, TEXT):
            sender.send_task("leaks.leak", kwargs={"name": name}, queue="housekeeping")
        sender.send_task("leaks.nobody_knows", kwargs={"password": PASSWORD, "text": TEXT}, queue="housekeeping")
        sender.send_task("leaks.of_a_key", args=[TEXT, KEY], queue="housekeeping")
        sender.send_task("leaks.leak", kwargs={"name": "printing"}, queue="housekeeping")
        sender.close()
        wait_for(log, "leaks.nobody_knows")
        ends_at = time.monotonic() + 10
        while log.read_text(errors="replace").count("the end of what is printed") < 2 and time.monotonic() < ends_at:
            time.sleep(0.1)
    output = log.read_text(errors="replace")
    assert leaked(output, *own_secrets()) == [], output
    assert output.count("the end of what is printed") == 2
    assert SHOULD_BE_SEEN in output


def test_the_scheduler_shows_none(tmp_path: Path) -> None:
    log = tmp_path / "beat.log"
    with worker(log, "beat", "-l", "DEBUG", "-s", str(tmp_path / "schedule")):
        wait_for(log, "beat")
        time.sleep(1)
    assert leaked(log.read_text(errors="replace"), *own_secrets()) == []


ENDING = ("raising", "suspicion", "refusing")  # ways that end a command


@pytest.mark.parametrize("names", [tuple(set(LEAKS) - set(ENDING)), *((name,) for name in ENDING)])
def test_a_command_shows_none_on_standard_error(names: tuple[str, ...]) -> None:
    argv = [sys.executable, "manage.py", "leak", *names]
    done = subprocess.run(argv, cwd=CHECKOUT, env=environment(), capture_output=True, text=True, check=False)
    assert leaked(done.stderr, *own_secrets()) == [], done.stderr  # what it prints on standard output is its answer
    assert SHOULD_BE_SEEN in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": f"postgres://user:{PASSWORD}@x:{PASSWORD}/db"},
        {"DATABASE_URL": f"postgres://user:{PASSWORD}/1@[x:5432/db"},
        {"DATABASE_URL": PASSWORD},
        {"REDIS_URL": f"redis://:{PASSWORD}@[x:6379/0"},
        {"REDIS_URL": f"redis://:{PASSWORD}@x:{PASSWORD}/0"},
        {"AWE_ENCRYPTION_KEYS": f"{PASSWORD},{PASSWORD}", "AWE_ENV": "production"},
        {"DJANGO_SECRET_KEY": PASSWORD, "AWE_ENV": "production"},
        {"DATABASE_URL": f"postgres://nobody:{PASSWORD}@127.0.0.1:1/db"},
    ],
)
def test_a_start_that_fails_shows_none(variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "sweep", "--once"],
        cwd=CHECKOUT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0 or "127.0.0.1:1/" in str(variables)
    assert leaked(done.stdout + done.stderr) == [], done.stdout + done.stderr


def test_a_worker_that_cannot_start_shows_none() -> None:
    argv = [sys.executable, "-m", "celery", "-A", "awe_incidents.celery", "report"]
    for name in ("DATABASE_URL", "REDIS_URL"):
        unusable = environment(**{name: f"redis://:{PASSWORD}@[x:{PASSWORD}/0"})
        done = subprocess.run(argv, cwd=CHECKOUT, env=unusable, capture_output=True, text=True, check=False)
        assert leaked(done.stdout + done.stderr) == [], done.stdout + done.stderr


def test_the_database_server_shows_no_values() -> None:
    """It quotes what it refuses, in its own log, which the supervisor shows."""
    with database.superuser().connect() as superuser:
        row = superuser.execute("SHOW data_directory").fetchone()
    log = Path(str(row and row[0])).parents[1] / "postgres.log"
    refused = [
        ("SELECT nothing FROM nowhere WHERE password = %s", [PASSWORD]),
        ("SELECT %s::integer", [PASSWORD]),
        ("INSERT INTO accounts_user (username) VALUES (%s)", [PASSWORD]),
        ("DO $$ BEGIN RAISE EXCEPTION '%%', %s; END $$", [PASSWORD]),
        ("DO $$ BEGIN RAISE WARNING '%%', %s; END $$", [PASSWORD]),
    ]
    for statement, values in refused:
        with contextlib.suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    output = log.read_text(errors="replace")
    assert "database system is ready" in output
    assert leaked(output) == [], output

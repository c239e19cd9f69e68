"""The pytest plugin: servers before settings, shared between workers, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.local import conftest
from tests.local.conftest import environment, wait_for
from tests.services import FOLDER_START, _remove_left_folders

SETTINGS = """
import os
assert ":" in os.environ["DATABASE_URL"], "settings are read before the servers have addresses"
assert "REDIS_URL" in os.environ
DATABASES, SECRET_KEY, USE_TZ = {}, "x", True
"""
SAMPLE = """
import os, psycopg, redis, pytest

@pytest.mark.parametrize("number", range(4))
def test_servers_answer(number):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == ("incidents_app",)
    with psycopg.connect(os.environ["SUPERUSER_DATABASE_URL"]) as connection:
        identifier = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0]
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.sadd("servers", identifier)
        assert client.scard("servers") == 1
"""
WAITS = """
import time

def test_waits():
    open("waiting", "w").close()
    time.sleep(60)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start a pytest run with the plugin and pytest-django in a folder of its own, its temporary folder apart."""
    (folder / "sample_settings.py").write_text(SETTINGS)
    (folder / "temporary").mkdir(mode=0o755)

    started: list[subprocess.Popen[str]] = []

    def start(test: str, *arguments: str) -> subprocess.Popen[str]:
        (folder / "test_sample.py").write_text(test)
        env = {**environment(), "TMPDIR": str(folder / "temporary")}
        env["PYTHONPATH"] += f"{os.pathsep}{folder}"
        env |= {"DJANGO_SETTINGS_MODULE": "sample_settings", "DATABASE_URL": "postgresql://real.example/production"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            os.devnull,
            "--rootdir",
            str(folder),
            "-p",
            "no:cacheprovider",
        ]
        # Nothing but what is tried here, in the order in which pytest finds them: our plugin before the installed ones.
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command += [
            "-p",
            "tests.services",
            "-p",
            "pytest_django.plugin",
            "-p",
            "xdist.plugin",
            "-q",
            *arguments,
            "test_sample.py",
        ]
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_servers_stand_before_settings_are_read_and_are_shared(start: Start, folder: Path, workers: str) -> None:
    run = start(SAMPLE, "-n", workers)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert "4 passed" in output
    assert list((folder / "temporary").glob(f"{FOLDER_START}*")) == []


@pytest.mark.parametrize("option", ["--collect-only", "--help"])
def test_nothing_is_started_when_no_test_runs(start: Start, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setattr(conftest, "NOT_INHERITED", ())  # so that the next line reaches the run: a start would fail
    monkeypatch.setenv("AWE_PG_BIN", os.devnull)
    run = start("def test_nothing(): pass", option)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output


def test_servers_that_cannot_start_are_one_line(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "NOT_INHERITED", ("PYTEST_",))
    monkeypatch.setenv("AWE_PG_BIN", os.devnull)
    run = start("def test_nothing(): pass")
    output, _ = run.communicate(timeout=60)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert (
        output
        == "ERROR: AWE_PG_BIN names no initdb and postgres in /dev/null. Correct AWE_PG_BIN or set DATABASE_URL.\n\n"
    )


def test_an_interrupted_run_leaves_nothing(start: Start, folder: Path) -> None:
    run = start(WAITS)
    wait_for((folder / "waiting").exists, seconds=30)
    descendants = psutil.Process(run.pid).children(recursive=True)
    assert len(descendants) >= 2
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=30)
    assert list((folder / "temporary").glob(f"{FOLDER_START}*")) == []
    assert not [process for process in descendants if process.is_running()]


def test_a_killed_run_leaves_no_server_and_its_folder_goes_at_the_next_start(start: Start, folder: Path) -> None:
    run = start(WAITS)
    wait_for((folder / "waiting").exists, seconds=30)
    descendants = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.communicate(timeout=30)
    wait_for(lambda: not [process for process in descendants if process.is_running()])
    next_run = start(SAMPLE)
    next_run.communicate(timeout=60)
    assert list((folder / "temporary").glob(f"{FOLDER_START}*")) == []


def test_folders_of_living_runs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = tmp_path / f"{FOLDER_START}{os.getpid()}-a"
    stranger = tmp_path / f"{FOLDER_START}notes-a"
    for folder in (kept, stranger):
        folder.mkdir()
    _remove_left_folders()
    assert kept.exists()
    assert stranger.exists()

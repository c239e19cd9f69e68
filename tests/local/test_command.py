"""The command line, as a person uses it: services, status, env, stop, reset."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from awe_incidents.local.layout import CHECKOUT
from awe_incidents.local.lock import lock_holder
from tests.local.conftest import environment, wait_for

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "awe_incidents.local"]


@pytest.fixture
def run(folder: Path, command: list[str]) -> Run:
    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        env = {**environment(), "AWE_LOCAL_DIR": str(folder / ".local")}
        return subprocess.run(
            [*command, *arguments],
            env=env,
            cwd=CHECKOUT,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def services(folder: Path, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """`services`, started and ready."""
    env = {**environment(), "AWE_LOCAL_DIR": str(folder / ".local")}
    printed = folder / "printed"
    with printed.open("w") as output:
        process = subprocess.Popen(
            [*command, "services"], env=env, cwd=CHECKOUT, stdout=output, stderr=output, text=True
        )
    wait_for(lambda: "export SIGNER_DATABASE_URL=" in printed.read_text() or process.poll() is not None)
    assert process.poll() is None, printed.read_text()
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(30)


def exported(lines: str) -> dict[str, str]:
    pairs = [line.removeprefix("export ").split("=", 1) for line in lines.splitlines() if line.startswith("export ")]
    return {name: value.strip("'") for name, value in pairs}


@pytest.mark.usefixtures("services")
def test_the_printed_environment_leads_to_the_servers(run: Run) -> None:
    variables = exported(run("env").stdout)
    with psycopg.connect(variables["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == (
            "incidents_app",
            "awe_incidents",
        )
    with redis.Redis.from_url(variables["REDIS_URL"]) as client:
        assert client.ping()


def test_status_restart_and_stop(run: Run, services: subprocess.Popen[str], folder: Path) -> None:
    shown = run("status")
    assert shown.returncode == 0
    assert [line.split()[:2] for line in shown.stdout.splitlines()] == [["postgres", "ready"], ["valkey", "ready"]]
    assert run("restart", "valkey").stdout.startswith("valkey is ready")
    second = run("up")
    assert second.returncode == 1
    assert second.stderr.startswith(f"Error: {folder / '.local'} is already supervised by process {services.pid}")
    assert run("reset", "--yes").returncode == 1
    assert run("stop").stdout == "Stopped.\n"
    assert services.wait(5) == 0
    assert run("status").returncode == 3
    assert run("stop").stdout == "Nothing is running here.\n"


def test_ports_passwords_and_data_stay_after_a_restart(run: Run, services: subprocess.Popen[str], folder: Path) -> None:
    before = run("env").stdout
    with psycopg.connect(exported(before)["MIGRATOR_DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    run("stop")
    again = subprocess.Popen(
        [sys.executable, "-m", "awe_incidents.local", "services"],
        env={**environment(), "AWE_LOCAL_DIR": str(folder / ".local")},
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
    )
    wait_for(lambda: "valkey" in run("status").stdout and "starting" not in run("status").stdout)
    assert run("env").stdout == before
    with psycopg.connect(exported(before)["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    again.send_signal(signal.SIGINT)
    assert again.wait(30) == 0


def test_env_without_servers_says_what_to_start(run: Run) -> None:
    refused = run("env")
    assert refused.returncode == 1
    assert refused.stderr == "Error: Nothing is running here. Start it with `up` or `services` first.\n"


def test_reset_asks_and_deletes_everything(run: Run, services: subprocess.Popen[str], folder: Path) -> None:
    run("stop")
    services.wait(10)
    assert run("reset", typed="n\n").returncode == 1
    assert (folder / ".local" / "servers" / "postgres").exists()
    assert "Deleted." in run("reset", typed="y\n").stdout
    assert not (folder / ".local").exists()
    assert lock_holder(folder / ".local") is None


@pytest.mark.parametrize("arguments", [[], ["up"], ["services"], ["status"], ["stop"], ["restart"], ["env"], ["reset"]])
def test_every_command_has_help(run: Run, arguments: list[str]) -> None:
    shown = run(*arguments, "--help")
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) > 4


def test_a_wrong_folder_of_binaries_is_refused_in_one_line(folder: Path, command: list[str]) -> None:
    env = {**environment(), "AWE_LOCAL_DIR": str(folder / ".local"), "AWE_PG_BIN": os.devnull}
    done = subprocess.run(
        [*command, "services"], env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == "Error: AWE_PG_BIN names no initdb and postgres in /dev/null. Correct AWE_PG_BIN or set DATABASE_URL.\n"
    )

"""Pytest plugin: a PostgreSQL and a Valkey of the test run's own, so that tests never touch a real database.

Loaded by `-p tests.services`. Django settings are read while pytest loads the first conftest, so the servers' addresses
must stand in the environment before; the workers of xdist inherit them and share the servers.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from awe_incidents.local.alone import Alone
from awe_incidents.local.errors import LocalError
from awe_incidents.local.lock import is_alive
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import DISCREET, PostgresCluster
from awe_incidents.local.program import Program
from awe_incidents.local.roles import DATABASE, LOGINS, create_database, create_roles, database_urls
from awe_incidents.local.valkey import ValkeyServer

FOLDER_START = "awe-tests-"
LIMITS = tuple(f"AWE_LIMIT_{name}" for name in ("READING", "FILING", "AUTHENTICATION", "SIGN_IN", "REAUTHENTICATION"))
RUNS_NO_TESTS = ("collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")
NOWHERE = {"DATABASE_URL": f"postgresql://incidents_app@127.0.0.1:1/{DATABASE}", "REDIS_URL": "redis://127.0.0.1:1/0"}
# A test's data need not survive a power cut.
FAST_SETTINGS = {**DISCREET, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers before anything reads settings; a wrapper, as pytest-django's own hook is tryfirst too."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(AWE_ENV="development", AWE_DB_POOL="0")  # the pool would keep connections to other databases
        os.environ.update(dict.fromkeys(LIMITS, "off"))  # tests ask more often than anybody may
        if any(getattr(early_config.known_args_namespace, option, False) for option in RUNS_NO_TESTS):
            os.environ.update(NOWHERE)
        else:
            early_config.add_cleanup(Services().start().stop)
    yield


class Services:
    """The servers of one test run in a temporary folder."""

    def __init__(self) -> None:
        _remove_left_folders()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_START}{os.getpid()}-"))
        self.folder.chmod(0o711)  # as root the servers run as another user
        self._cluster: PostgresCluster | None = None
        self._running: list[Alone] = []

    def start(self) -> Services:
        """Start both and put their addresses into the environment; removes everything again when that fails."""
        try:
            os.environ.update(self._start())
        except BaseException as error:
            self.stop()
            if isinstance(error, LocalError):
                raise pytest.UsageError(str(error)) from error
            raise
        return self

    def stop(self) -> None:
        """Stop the servers and remove the folder."""
        while self._running:
            self._running.pop().stop()
        if self._cluster is not None:
            self._cluster.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> dict[str, str]:
        ports = self.folder / "ports.json"
        cluster = self._cluster = PostgresCluster.at(
            self.folder / "postgres", port=take_port(ports, "postgres"), settings=FAST_SETTINGS
        )
        valkey = ValkeyServer.at(self.folder / "valkey", port=take_port(ports, "valkey"))
        self._run(dataclasses.replace(cluster.program(), stop_signal=signal.SIGQUIT))  # nothing to save
        self._run(valkey.program())
        passwords = {name: secrets.token_urlsafe(24) for name in LOGINS}
        create_roles(cluster, passwords)
        create_database(cluster, DATABASE)
        addresses = {"SUPERUSER_DATABASE_URL": cluster.superuser_url(), "REDIS_URL": valkey.url()}
        return {**database_urls(cluster, passwords), **addresses}

    def _run(self, program: Program) -> None:
        self._running.append(Alone(program, log=self.folder / f"{program.name}.log").start())


def _remove_left_folders() -> None:
    """Remove what test runs left that were killed; their servers died with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_START}*-*"):
        pid = folder.name.removeprefix(FOLDER_START).partition("-")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)

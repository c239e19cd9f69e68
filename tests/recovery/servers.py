"""A PostgreSQL and a Valkey that belong to one file of tests and are restarted while an execution runs.

Both keep what they were told, as in a deployment: what the test run's own servers may lose with a crash is what these
tests are about.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import DISCREET, PostgresCluster
from awe_incidents.local.program import Program
from awe_incidents.local.roles import DATABASE, LOGINS, create_roles, database_urls
from awe_incidents.local.valkey import ValkeyServer
from tests import database

KEEPING = {
    **DISCREET,
    "fsync": "off",
}  # programs are killed here, no machines; a commit is in the log by then
PLACE = ("HOST", "PORT", "NAME", "USER", "PASSWORD")


class Servers:
    """Both, running, with the addresses that lead to them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="awe-tests-restarts-"))
        self.folder.chmod(0o711)  # as root the servers run as another user
        ports = self.folder / "ports.json"
        cluster = self._cluster = PostgresCluster.at(
            self.folder / "postgres", port=take_port(ports, "postgres"), settings=KEEPING
        )
        valkey = ValkeyServer.at(self.folder / "valkey", port=take_port(ports, "valkey"))
        self._running: dict[str, Alone] = {}
        try:
            for program in (cluster.program(), valkey.program()):
                self._run(program)
            passwords = {name: secrets.token_urlsafe(24) for name in LOGINS}
            create_roles(cluster, passwords)
        except BaseException:
            self.stop()
            raise
        superuser = {"SUPERUSER_DATABASE_URL": cluster.superuser_url()}
        self.addresses: Mapping[str, str] = {
            **database_urls(cluster, passwords),
            **superuser,
            "REDIS_URL": valkey.url(),
            "CELERY_BROKER_URL": valkey.url(),  # Celery asks it before its settings, which this process has read
        }
        self._place = {
            "HOST": "127.0.0.1",
            "PORT": str(cluster.port),
            "NAME": DATABASE,
            "USER": "incidents_app",
            "PASSWORD": passwords["incidents_app"],
        }

    def stop(self) -> None:
        while self._running:
            self._running.popitem()[1].stop()
        self._cluster.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def without(self, name: str, *, by: signal.Signals) -> Iterator[None]:
        """Do something while one of them is down, ended by a signal; afterwards it runs on its data again."""
        running = self._running[name]
        os.kill(running.pid, by)
        running.stop()
        try:
            yield
        finally:
            running.start()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let this process, and those that it starts, work with these instead of the test run's own."""
        usual = {name: connection.settings_dict[name] for name in PLACE}
        variables = {name: os.environ.get(name) for name in self.addresses}
        self._turn(self._place, self.addresses)
        try:
            yield
        finally:
            self._turn(usual, variables)

    def migrate(self) -> None:
        """Make our tables, as the migrator."""
        with self.in_use():
            database.make_database(DATABASE)

    def empty(self) -> None:
        database.empty_tables(DATABASE)

    def _turn(self, place: Mapping[str, object], variables: Mapping[str, str | None]) -> None:
        connection.close()
        connection.settings_dict.update(place)
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def _run(self, program: Program) -> None:
        self._running[program.name] = Alone(program, log=self.folder / f"{program.name}.log").start()

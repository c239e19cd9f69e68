"""A PostgreSQL of one test's own that keeps its promises and may be hurt, and sixteen who write to it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from awe_incidents.audit.processes import connect
from awe_incidents.local.accounts import as_account
from awe_incidents.local.alone import Alone
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import DISCREET, PostgresCluster
from awe_incidents.local.roles import DATABASE, create_database, create_roles, database_urls
from tests.audit import logs, rows
from tests.processes import is_running

IMMEDIATE, FAST = signal.SIGQUIT, signal.SIGINT
WRITERS = 16


class OwnServer:
    """A server, which runs; its log and its port stand in `folder`, its data in `home`."""

    def __init__(self, folder: Path, home: Path, passwords: Mapping[str, str]) -> None:
        port = take_port(folder / "ports.json", "postgres")
        self.cluster = PostgresCluster.at(home, port=port, settings=DISCREET)
        self._log = folder / "postgres.log"
        self.urls = database_urls(self.cluster, passwords)
        self.start()

    @classmethod
    def make(cls, folder: Path, passwords: Mapping[str, str]) -> Self:
        """Make one with an empty, migrated database."""
        server = cls(folder, folder / "postgres", passwords)
        create_roles(server.cluster, passwords)
        create_database(server.cluster, DATABASE)
        command = [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity", "0"]
        env = {**os.environ, "DATABASE_URL": server.urls["MIGRATOR_DATABASE_URL"]}
        subprocess.run(command, cwd=rows.ROOT, env=env, check=True, timeout=300)
        return server

    def start(self) -> None:
        self._alone: Alone = self.cluster.alone(log=self._log).start()

    @property
    def is_running(self) -> bool:
        return is_running(self._alone.pid)

    def stop(self, how: signal.Signals) -> None:
        self._alone.program = dataclasses.replace(self._alone.program, stop_signal=how)
        self._alone.stop()

    def restart(self, how: signal.Signals) -> None:
        self.stop(how)
        self.start()

    def allow_bytes(self, size: int) -> None:
        """Let no file of its processes grow beyond a size, those that they start included; -1 lifts it."""
        server = psutil.Process(self._alone.pid)
        for process in (server, *server.children(recursive=True)):
            limit_files(process.pid, size, **as_account(self.cluster.account))

    def connect(self, role: str = rows.APPLICATION) -> psycopg.Connection:
        return connect(self.urls[role], name="test")

    def environment(self, role: str, **more: str) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.urls[role], **more}


def limit_files(pid: int, size: int, **identity: Any) -> None:
    """Let no file of a process grow beyond a size; -1 lifts it. A write beyond fails as on a full disk (EFBIG).

    Its own user may do so, root in a container may not; a process that has ended meanwhile is none any more.
    """
    words = ["prlimit", f"--pid={pid}", f"--fsize={'unlimited' if size < 0 else size}:"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **identity)
    assert not done.returncode or not is_running(pid), done.stderr


class Writers:
    """Sixteen of them, who try each of their entries until it is committed, and take some back in between."""

    def __init__(self, server: OwnServer) -> None:
        self._server, self.stopping = server, threading.Event()
        self._threads = [threading.Thread(target=self._write, args=[writer]) for writer in range(WRITERS)]
        self.committed: list[int] = []
        self.failures = 0

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            for thread in self._threads:
                thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more entries were committed."""
        wanted, ends_at = len(self.committed) + more, time.monotonic() + 120
        while len(self.committed) < wanted:
            assert time.monotonic() < ends_at, "nothing is committed any more"
            time.sleep(0.01)

    def wait_for_failures(self, more: int) -> None:
        """Wait until so many more entries were refused."""
        wanted, ends_at = self.failures + more, time.monotonic() + 120
        while self.failures < wanted:
            assert time.monotonic() < ends_at, "nothing is refused"
            time.sleep(0.01)

    def _write(self, writer: int) -> None:
        chance, number = random.Random(writer), writer
        while not self.stopping.is_set():
            try:
                with self._server.connect() as own:
                    while not self.stopping.is_set():
                        with own.transaction(force_rollback=chance.random() < 0.3) as transaction:
                            rows.insert(own, number)
                            time.sleep(chance.random() * 0.005)
                        if not transaction.force_rollback:
                            self.committed.append(number)
                            number += WRITERS
            except psycopg.errors.UniqueViolation:  # the answer to its COMMIT was lost
                self.committed.append(number)
                number += WRITERS
            except psycopg.Error:
                self.failures += 1
                time.sleep(0.05)


@contextlib.contextmanager
def trail_running(server: OwnServer, folder: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Let sequencer and signer run as processes; they are never started again, and have to be there at the end."""
    signer = server.environment(rows.SIGNER, AWE_TRAIL_DIR=str(folder), AWE_TRAIL_ORIGIN=logs.ORIGIN)
    started = {
        "sequence": rows.start("-m", "awe_incidents.audit", "sequence", env=server.environment(rows.APPLICATION)),
        "sign": rows.start("-m", "awe_incidents.audit", "sign", env=signer),
    }
    try:
        yield started
        for name, process in started.items():
            assert process.poll() is None, f"{name} ended: {process.communicate()[0]}"
    finally:
        for process in started.values():
            process.kill()
            process.communicate()

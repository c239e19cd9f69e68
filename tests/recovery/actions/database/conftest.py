"""A running stack of processes with its folder of backups, and plain tools to look at what was put there."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql

from awe_incidents.recovery.actions.site import APPLICATION_NAME, Site
from awe_incidents.recovery.operations.planning import site_of
from deploy.awe.process import ProcessStack
from deploy.awe.process.environments import DATABASE
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import read_stack
from tests.conftest import SETUP
from tests.recovery.trial import Trial

BESIDE = "read_back"
ROWS = "SELECT md5(string_agg(u::text, '|' ORDER BY id)) FROM users u"


@dataclass
class Dumps:
    """The stack, its folder of backups, and what was there before a test."""

    stack: ProcessStack
    site: Site

    @property
    def folder(self) -> Path:
        return self.stack.layout.backups

    @property
    def programs(self) -> Path:
        return self.stack.cluster.binaries

    def plan(self, slug: str, name: str, **more: Any) -> Trial:
        return Trial.planned(self.site, slug, database="application", name=name, **more)

    def tool(self, *arguments: str) -> str:
        """Run a plain tool in the folder."""
        done = subprocess.run(arguments, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pg(self, name: str, *arguments: str) -> str:
        """Run a program of PostgreSQL."""
        return self.tool(str(self.programs / name), *arguments)

    def unfinished(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.endswith(".part")]

    def rows(self, database: str = DATABASE) -> str:
        with self.stack.cluster.connect(database) as connection:
            return str(connection.execute(ROWS).fetchone())

    @contextmanager
    def beside(self) -> Iterator[str]:
        """Make an empty database, and give its address."""
        name = sql.Identifier(BESIDE)
        with self.stack.cluster.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        try:
            yield self.stack.cluster.superuser_url(BESIDE)
        finally:
            with self.stack.cluster.connect() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Hold a lock for which pg_dump waits."""
        with psycopg.connect(self.stack.direct_url()) as holder:
            holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            yield

    def wait_for_dump(self, *, until: bool = True, seconds: float = 30.0) -> None:
        """Wait until pg_dump waits for the lock, or until none of its sessions is left."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
        if not until:
            query = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = %s"
        with self.stack.superuser() as connection:
            for _ in range(round(seconds * 50)):
                row = connection.execute(query, [APPLICATION_NAME]).fetchone()
                if row and row[0]:
                    return
                threading.Event().wait(0.02)
        raise AssertionError("pg_dump is not there" if until else "pg_dump is still there")

    def processes(self) -> list[int]:
        """Give the numbers of all pg_dump that dump this database."""
        address = f"port={self.stack.cluster.port}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes()
            except OSError:
                continue
            if b"pg_dump" in command and address in command:
                found.append(int(path.parent.name))
        return found


@pytest.fixture
def stack(transactional_db: None, awe_stack: ProcessStack) -> Stack:
    config = read_stack(awe_stack.root / "stack.toml")
    return apply_stack(config=config, by=SETUP, at=timezone.now()).stack


@pytest.fixture
def dumps(stack: Stack, awe_stack: ProcessStack) -> Iterator[Dumps]:
    before = set(awe_stack.layout.backups.iterdir())
    with site_of(stack) as site:
        yield Dumps(awe_stack, site)
    for path in set(awe_stack.layout.backups.iterdir()) - before:
        path.unlink()

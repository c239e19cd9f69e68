"""A trail that is signed when a test says so, by the roles that sign it in a deployment."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, models, transaction
from django.utils import timezone

from awe_incidents.audit import note, trail, verify_trail
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.log_folder import LogFolder
from awe_incidents.audit.log_keys import open_keys
from awe_incidents.audit.log_rows import log_head
from awe_incidents.audit.log_subtrees import fill_subtrees
from awe_incidents.audit.models import Entry
from awe_incidents.audit.note import Note
from awe_incidents.audit.queries import driver_connection
from awe_incidents.audit.sequencer import sequence_entries
from awe_incidents.audit.signer import TrailSigner
from tests import database
from tests.audit import logs, rows
from tests.conftest import SETUP


class Signing:
    """A sequencer and a signer that work when they are told to."""

    def __init__(self, path: Path, signer: psycopg.Connection, origin: str) -> None:
        self.path, self._connection = path, signer
        self._folder = LogFolder.open(path)
        self._keys = open_keys(path, origin=origin, passphrase="", clock=_now, may_make=True)
        self.vkeys = list(self._keys.vkeys)
        self._folder.publish_keys(self.vkeys)

    def sequence(self) -> None:
        """Give all entries their places."""
        with rows.connected() as application:
            batch = sequence_entries(application, looks_at_everything=True)
            while not batch.is_last:
                batch = sequence_entries(application)

    def fill(self) -> None:
        """Do what a sequencer does when it starts."""
        with rows.connected() as application:
            fill_subtrees(application)

    def sign(self) -> Checkpoint:
        """Give all entries their places, sign them, and give the newest checkpoint."""
        self.sequence()
        self.publish_keys().sign()
        note = self._folder.checkpoint()
        assert note is not None
        return Checkpoint.parse(Note.parse(note).text)

    def publish_keys(self) -> TrailSigner:
        """Start the signer, which says by which keys it will sign."""
        return TrailSigner(self._folder, self._keys, self._connection, clock=_now)

    def close(self) -> None:
        """Let go of the folder."""
        self._folder.close()

    def published(self, path: str) -> bytes:
        """Give a file of the log as the signer published it."""
        return (self.path / "log" / path).read_bytes()

    def verify(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the auditor's one file in a process of its own."""
        pins = [word for vkey in self.vkeys for word in ("--vkey", vkey)]
        return subprocess.run(
            [sys.executable, "-I", verify_trail.__file__, *words, "--origin", logs.ORIGIN, *pins, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def may_sign(django_db_setup: None) -> Iterator[None]:
    """Let the application insert checkpoints, so that what it signs goes with the transaction of a test."""
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as superuser:
        superuser.execute("GRANT INSERT ON audit_checkpoint TO incidents_app")
        yield
        superuser.execute("REVOKE INSERT ON audit_checkpoint FROM incidents_app")


def sign_in_this_transaction() -> None:
    """Sign what there is, with `may_sign`; nobody else sees it, and it goes with the transaction of a test."""
    with driver_connection() as driver:
        sequence_entries(driver, looks_at_everything=True)
        head = log_head(driver)
        signed = note.sign(bytes(Checkpoint(logs.ORIGIN, head.size, head.root)), logs.Log().signer)
        driver.execute(
            "INSERT INTO audit_checkpoint (size, root, note, signed_at) VALUES (%s, %s, %s, now())",
            [head.size, head.root, signed],
        )


def _now() -> int:
    return int(time.time())


@contextmanager
def signing_in(folder: Path, *, origin: str = logs.ORIGIN) -> Iterator[Signing]:
    """Give a trail that is signed in a folder."""
    with rows.connected(rows.SIGNER) as signer:
        signing = Signing(folder, signer, origin)
        try:
            yield signing
        finally:
            signing.close()


def recorded(subject: models.Model, number: int = 1, *, at: datetime | None = None, **facts: Any) -> list[Entry]:
    """Record facts, each in a transaction of its own."""
    ids = []
    for _ in range(number):
        with transaction.atomic():
            told = {"verb": "stack:tried", "by": SETUP, "because": "it was so", **facts}
            ids.append(trail.record(told.pop("verb"), subject=subject, at=at or timezone.now(), **told))
    return list(Entry.objects.filter(pk__in=ids).order_by("pk"))


@pytest.fixture
def signing(transactional_db: None, tmp_path: Path) -> Iterator[Signing]:
    """A trail that is signed when a test says so."""
    with signing_in(tmp_path / "trail") as signing:
        yield signing

"""A bundle as a stream: whole whatever happens to the log meanwhile, and evidence where the log is not whole."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from awe_incidents.audit import archive as archives
from awe_incidents.audit.archive import archive
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.errors import ExportRefused
from diagnostics.models import Stack
from tests.api.trail import Signing, recorded
from tests.audit import rows
from tests.conftest import SETUP

pytestmark = pytest.mark.django_db(transaction=True)


def verdict(signing: Signing, data: bytes, folder: Path) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(data)) as files:
        files.extractall(folder)
    report: dict[str, object] = json.loads(signing.verify(str(folder)).stdout)
    return report


def test_pieces_are_small_and_the_log_may_grow_meanwhile(
    stack: Stack, signing: Signing, connection: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "PIECE_BYTES", 1000)
    recorded(stack, 600)
    size = signing.sign().size
    pieces = archive(connection, keys=signing.vkeys)
    got = [next(pieces)]
    recorded(stack, 3)
    signing.sign()
    got += pieces
    assert len(got) > 4
    report = verdict(signing, b"".join(got), tmp_path / "bundle")
    assert (report["verdict"], report["size"]) == ("UNANCHORED", size)


def test_a_text_that_is_erased_meanwhile_is_not_missed(
    stack: Stack, signing: Signing, connection: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "PIECE_BYTES", 1000)
    entries = recorded(stack, 600)
    size = signing.sign().size
    pieces = archive(connection, keys=[])
    got = [next(pieces)]
    erase_texts(event_id=entries[-1].event_id, by=SETUP, at=timezone.now(), because="asked for")
    signing.sign()
    got += pieces
    report = verdict(signing, b"".join(got), tmp_path / "bundle")
    assert (report["verdict"], report["size"]) == ("UNANCHORED", size + 1)


def test_an_erasure_that_nobody_signs_is_not_waited_for_without_end(
    stack: Stack, signing: Signing, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "PIECE_BYTES", 1000)
    monkeypatch.setattr(archives, "ERASURE_SECONDS", 0.3)
    entries = recorded(stack, 600)
    signing.sign()
    pieces = archive(connection, keys=[])
    next(pieces)
    erase_texts(event_id=entries[-1].event_id, by=SETUP, at=timezone.now(), because="asked for")
    with pytest.raises(ExportRefused, match="not signed yet"):
        list(pieces)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE audit_entry SET body = replace(body::text, encode('tried', 'hex'), encode('cried', 'hex'))::bytea",
            "TAMPERED",
        ),
        ("DELETE FROM audit_leaf WHERE index = 300", "DELETED"),
        ("DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 9)", "DELETED"),
        ("DELETE FROM audit_leaf WHERE index < 300", "DELETED"),
        ("DELETE FROM audit_leaf", "TRUNCATED"),
    ],
)
def test_a_log_that_is_not_whole_is_exported_for_the_verifier_to_tell(
    stack: Stack,
    signing: Signing,
    connection: psycopg.Connection,
    tmp_path: Path,
    statement: str,
    expected: str,
) -> None:
    recorded(stack, 400)
    signing.sign()
    rows.tamper(statement)
    report = verdict(signing, b"".join(archive(connection, keys=[])), tmp_path / "bundle")
    assert report["verdict"] == expected

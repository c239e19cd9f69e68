"""The signer signs what the entries make, goes on after a crash at any step, and refuses what contradicts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from awe_incidents.audit import cosignature, merkle, note
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import (
    ClockBehind,
    FrontierBroken,
    HeadForks,
    HeadShrinks,
    LogKeyUnusable,
    NoteRefused,
    OriginChanged,
    SignerRuns,
)
from awe_incidents.audit.log_folder import LogFolder, published_vkeys
from awe_incidents.audit.log_keys import LogKeys, open_keys
from awe_incidents.audit.log_rows import bodies, log_head
from awe_incidents.audit.note import Note
from awe_incidents.audit.sequencer import sequence_entries
from awe_incidents.audit.signer import HEARTBEAT_SECONDS, TrailSigner
from awe_incidents.audit.tile_files import TileReader
from tests.audit import logs, rows

pytestmark = pytest.mark.django_db(transaction=True)


class Site:
    """A signer's folder, its role's connection and a clock that stands until it is moved."""

    def __init__(self, folder: Path, connection: psycopg.Connection) -> None:
        self.path, self.connection, self.now = folder, connection, logs.BEGAN
        self.folder = LogFolder.open(folder)
        self.keys = self.read_keys()

    def read_keys(self, passphrase: str = "") -> LogKeys:
        may_make = not self.folder.has_signed
        return open_keys(
            self.path, origin=logs.ORIGIN, passphrase=passphrase, clock=lambda: self.now, may_make=may_make
        )

    def signer(self) -> TrailSigner:
        """Start again, as after a crash."""
        return TrailSigner(self.folder, self.keys, self.connection, clock=lambda: self.now)

    def add(self, *numbers: int) -> None:
        with rows.connected() as application:
            rows.insert(application, *numbers)
            sequence_entries(application)

    def published(self) -> Checkpoint:
        data = self.folder.checkpoint()
        assert data is not None
        one = Note.parse(data)
        signed = one.verified([cosignature.verifier(key) for key in (self.keys.plain.key, self.keys.timed.key)])
        assert len(signed) == 2
        checkpoint = Checkpoint.parse(one.text)
        reader = TileReader(self.folder.public, checkpoint)
        assert list(reader.entries()) == list(bodies(self.connection, 0, checkpoint.size))
        return checkpoint

    def sizes_inserted(self) -> list[int]:
        return [size for (size,) in self.connection.execute("SELECT size FROM audit_checkpoint ORDER BY id")]


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[Site]:
    with rows.connected(rows.SIGNER) as connection:
        site = Site(tmp_path / "trail", connection)
        yield site
        site.folder.close()


def test_an_empty_log_is_not_signed(site: Site) -> None:
    assert site.signer().sign() is None


def test_what_is_new_is_signed_once(site: Site) -> None:
    signer = site.signer()
    for size in (1, 3, 300):
        site.add(*range(log_head(site.connection).size, size))
        assert signer.sign() == site.folder.checkpoint()
        assert site.published().size == size
        assert site.published().root == merkle.root_of(bodies(site.connection, 0, size))
        assert signer.sign() is None
    assert site.sizes_inserted() == [1, 3, 300]
    assert site.signer().sign() is None, "nor is it after a restart"


def test_a_heartbeat_says_that_there_was_nothing_else(site: Site) -> None:
    signer = site.signer()
    site.add(0)
    signer.sign()
    site.now += HEARTBEAT_SECONDS - 1
    assert signer.sign() is None
    site.now += 1
    assert signer.sign()
    assert site.sizes_inserted() == [1, 1]


def test_there_is_no_heartbeat_while_entries_wait_for_their_place(site: Site) -> None:
    signer = site.signer()
    site.add(0)
    signer.sign()
    with rows.connected() as application:
        rows.insert(application, 1)
    site.now += HEARTBEAT_SECONDS
    assert signer.sign() is None
    site.add()
    assert signer.sign()
    assert site.sizes_inserted() == [1, 2]


def test_nothing_is_signed_in_the_middle_of_a_backlog(site: Site) -> None:
    signer = site.signer()
    with rows.connected() as application:
        rows.insert(application, *range(5))
        sequence_entries(application, limit=3)
        assert signer.sign() is None
        sequence_entries(application, limit=3)
    assert signer.sign()
    assert site.sizes_inserted() == [5]


def test_a_clock_that_went_back_signs_nothing_until_it_has_passed(site: Site) -> None:
    signer = site.signer()
    site.add(0)
    signer.sign()
    site.now -= 1
    site.add(1)
    for one in (signer, site.signer()):
        with pytest.raises(ClockBehind):
            one.sign()
    site.now += 1
    assert site.signer().sign()


AWAY = "UPDATE audit_leaf SET index = 20 - index WHERE index IN (6, 7)"
BACK = "UPDATE audit_leaf SET index = index - 7 WHERE index IN (13, 14)"
REFUSALS = {
    "rewritten before it was signed": (
        "UPDATE audit_entry SET body = 'another' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 6)",
        HeadForks,
    ),
    "deleted before it was signed": (
        "DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 6)",
        HeadForks,
    ),
    "a leaf in the middle is gone": ("DELETE FROM audit_leaf WHERE index = 6", HeadForks),
    "the last leaf is gone": ("DELETE FROM audit_leaf WHERE index = 7", HeadForks),
    "two leaves changed places": (f"{AWAY}; {BACK}", HeadForks),
    "the head was made up": ("UPDATE audit_sequence SET root = decode(repeat('00', 32), 'hex')", HeadForks),
    "truncated below what was signed": (
        "DELETE FROM audit_leaf WHERE index > 3; UPDATE audit_sequence SET size = 4",
        HeadShrinks,
    ),
    "emptied": ("DELETE FROM audit_leaf; UPDATE audit_sequence SET size = 0", HeadShrinks),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_log_that_was_changed_is_refused(site: Site, name: str, restarted: bool) -> None:
    statements, refusal = REFUSALS[name]
    signer = site.signer()
    site.add(*range(5))
    before = signer.sign()
    site.add(*range(5, 8))
    rows.tamper(*statements.split("; "))
    signer = site.signer() if restarted else signer
    for _ in range(2):
        with pytest.raises(refusal):
            signer.sign()
    assert site.folder.checkpoint() == before
    assert site.sizes_inserted() == [5]


def test_another_root_at_the_same_size_is_refused_at_once(site: Site) -> None:
    signer = site.signer()
    site.add(*range(5))
    signer.sign()
    rows.tamper("UPDATE audit_sequence SET root = decode(repeat('00', 32), 'hex')")
    with pytest.raises(HeadForks):
        signer.sign()


def test_an_old_database_that_went_on_is_refused(site: Site) -> None:
    site.add(*range(5))
    site.signer().sign()
    rows.tamper("DELETE FROM audit_entry", "DELETE FROM audit_leaf", "DELETE FROM audit_checkpoint")
    rows.tamper("DELETE FROM audit_sequence", "INSERT INTO audit_sequence DEFAULT VALUES")
    site.add(0, 1, 2)
    with pytest.raises(HeadShrinks):
        site.signer().sign()
    site.add(30, 40)
    with pytest.raises(HeadForks):
        site.signer().sign()
    site.add(50)
    with pytest.raises(HeadForks):
        site.signer().sign()


def test_an_old_state_is_brought_up_to_what_was_signed(site: Site) -> None:
    site.add(*range(3))
    site.signer().sign()
    old = (site.path / "head").read_bytes()
    site.add(*range(3, 8))
    site.signer().sign()
    (site.path / "head").write_bytes(old)
    site.add(8)
    assert site.signer().sign()
    assert site.published().size == 9
    assert site.folder.head(logs.ORIGIN).size == 9


@pytest.mark.parametrize("published", [True, False])
def test_an_old_state_with_another_database_is_refused(site: Site, published: bool) -> None:
    """The file, or the database's own row, says what was signed."""
    site.add(*range(3))
    first = site.signer().sign()
    assert first is not None
    old = (site.path / "head").read_bytes()
    site.add(*range(3, 8))
    site.signer().sign()
    (site.path / "head").write_bytes(old)
    if not published:
        site.folder.publish(first)
        site.folder.tiles_anew()
    with rows.connected(rows.SUPERUSER) as superuser:
        rows.tamper("UPDATE audit_entry SET body = 'x' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 6)")
        root = merkle.root_of(bodies(superuser, 0, 8))
        superuser.execute("UPDATE audit_sequence SET root = %s", [root])
    with pytest.raises(HeadForks):
        site.signer().sign()


def test_a_lost_state_is_made_again_from_the_entries(site: Site) -> None:
    site.add(*range(300))
    site.signer().sign()
    (site.path / "head").unlink()
    site.add(300)
    assert site.signer().sign()
    assert site.published().size == 301


@pytest.mark.parametrize("damage", ["gone", "torn", "others"])
def test_tiles_are_made_again_from_the_entries(site: Site, damage: str) -> None:
    site.add(*range(300))
    site.signer().sign()
    tile = site.folder.public / "tile" / "0" / "000"
    if damage == "gone":
        site.folder.tiles_anew()
    elif damage == "torn":
        tile.write_bytes(b"")
    else:
        tile.write_bytes(bytes(len(tile.read_bytes())))
    site.add(300)
    assert site.signer().sign()
    assert site.published().size == 301


def test_what_was_signed_is_looked_at_again(site: Site) -> None:
    site.add(*range(600))
    signer = site.signer()
    signer.check_again()  # nothing was signed yet
    signer.sign()
    for _ in range(7):  # three bundles, round and round; the last one is not full
        signer.check_again()
    rows.tamper("UPDATE audit_entry SET body = 'x' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 300)")
    with pytest.raises(HeadForks, match="entry 300 "):
        signer.check_again()
    for _ in range(2):
        signer.check_again()
    rows.tamper("DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 301)")
    with pytest.raises(HeadForks, match="entry 301 "):
        signer.check_again()
    rows.tamper("UPDATE audit_entry SET body = 'x' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 599)")
    with pytest.raises(HeadForks, match="entry 599 "):
        signer.check_again()


def test_a_tile_that_rotted_is_made_again(site: Site) -> None:
    site.add(*range(600))
    signer = site.signer()
    signer.sign()
    tile = site.folder.public / "tile" / "1" / "000.p" / "2"
    tile.write_bytes(bytes(64))
    signer.check_again()
    assert signer.sign()
    assert site.published().size == 600
    signer.check_again()


def test_a_torn_state_is_told(site: Site) -> None:
    site.add(0)
    site.signer().sign()
    (site.path / "head").write_bytes(b"torn")
    with pytest.raises(FrontierBroken):
        site.signer()


def test_a_checkpoint_that_was_published_but_not_inserted_is_inserted_later(site: Site) -> None:
    site.add(0)
    site.signer().sign()
    rows.tamper("DELETE FROM audit_checkpoint")
    site.add(1)
    site.now += 1
    first = site.signer()
    assert site.sizes_inserted() == []  # without any row there is nothing that the file is newer than
    first.sign()
    rows.tamper("DELETE FROM audit_checkpoint WHERE size = 2")
    site.add(2)
    site.signer().sign()
    assert site.sizes_inserted()[-1] == 3


def test_a_published_checkpoint_of_another_key_is_refused(site: Site) -> None:
    site.add(0)
    stranger = note.Ed25519Signer.generate(logs.ORIGIN)
    site.folder.publish(note.sign(bytes(Checkpoint(logs.ORIGIN, 1, bytes(32))), stranger))
    with pytest.raises(NoteRefused):
        site.signer()


def test_a_row_of_another_key_is_passed_over(site: Site) -> None:
    site.add(0)
    site.signer().sign()
    stranger = note.Ed25519Signer.generate(logs.ORIGIN)
    forged = note.sign(bytes(Checkpoint(logs.ORIGIN, 9, bytes(32))), stranger)
    site.connection.execute(
        "INSERT INTO audit_checkpoint (size, root, note, signed_at) VALUES (9, %s, %s, now())", [bytes(32), forged]
    )
    site.add(1)
    assert site.signer().sign()


def test_keys_are_made_once_and_for_their_owner_alone(site: Site) -> None:
    for name in ("log.key", "time.key"):
        assert (site.path / name).stat().st_mode & 0o777 == 0o600
    assert site.read_keys().vkeys == site.keys.vkeys
    site.folder.publish_keys(site.keys.vkeys)
    assert tuple(published_vkeys(site.path)) == site.keys.vkeys
    assert site.keys.plain.key.material != site.keys.timed.key.material


def test_a_key_that_others_can_read_is_refused(site: Site) -> None:
    (site.path / "log.key").chmod(0o640)
    with pytest.raises(LogKeyUnusable, match="others can read"):
        site.read_keys()


def test_a_key_that_is_gone_is_not_made_again(site: Site) -> None:
    site.add(0)
    site.signer().sign()
    (site.path / "log.key").unlink()
    with pytest.raises(LogKeyUnusable, match="is gone"):
        site.read_keys()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_read_is_refused(site: Site, content: bytes) -> None:
    (site.path / "log.key").write_bytes(content)
    with pytest.raises(LogKeyUnusable):
        site.read_keys()


def test_a_passphrase_is_needed_where_one_was_given(tmp_path: Path, site: Site) -> None:
    def keys(passphrase: str, *, may_make: bool = False) -> LogKeys:
        return open_keys(tmp_path, origin=logs.ORIGIN, passphrase=passphrase, clock=lambda: site.now, may_make=may_make)

    made = keys("open sesame", may_make=True)
    assert b"ENCRYPTED" in (tmp_path / "log.key").read_bytes()
    assert keys("open sesame").vkeys == made.vkeys
    for wrong in ("", "open sesam"):
        with pytest.raises(LogKeyUnusable):
            keys(wrong)


def test_a_log_keeps_its_name(site: Site) -> None:
    assert site.folder.origin("trail.example/awe") == "trail.example/awe"
    assert site.folder.origin("") == "trail.example/awe"
    with pytest.raises(OriginChanged):
        site.folder.origin("another.example/awe")


def test_one_signer_works_with_a_folder(site: Site) -> None:
    with pytest.raises(SignerRuns):
        LogFolder.open(site.path)
    site.folder.close()
    LogFolder.open(site.path).close()
    site.folder = LogFolder.open(site.path)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit_entry",
        "SELECT value FROM audit_disclosure",
        "INSERT INTO audit_entry DEFAULT VALUES",
        "INSERT INTO audit_leaf VALUES (0, 0)",
        "UPDATE audit_sequence SET size = 0",
        "SELECT * FROM audit_sequence FOR UPDATE",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET size = 0",
        "TRUNCATE audit_checkpoint",
        "SELECT * FROM accounts_user",
    ],
)
def test_the_signer_reads_the_log_and_inserts_checkpoints_only(site: Site, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        site.connection.execute(statement)


def test_a_full_disk_signs_nothing_and_is_caught_up_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add(*range(3))
    signer = site.signer()
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        signer.sign()
    monkeypatch.setattr(os, "fsync", real)
    assert site.folder.checkpoint() is None
    assert site.signer().sign()
    assert site.published().size == 3

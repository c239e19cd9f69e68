"""Attacks on the rows of a running service, by a superuser of PostgreSQL; the auditor gets what the service exports."""

# ruff: noqa: S608 (an attacker's own words)

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection
from django.utils import timezone

from awe_incidents.audit import merkle
from awe_incidents.audit.bundle import Record
from awe_incidents.audit.errors import EntryTooLarge, HeadForks, HeadShrinks
from awe_incidents.audit.log_rows import bodies
from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import exported_trail
from awe_incidents.audit.tripwire import append_only_tables, broken_guards
from diagnostics.models import Stack
from tests.api.trail import Signing, recorded, signing_in
from tests.audit import logs, rows

pytestmark = pytest.mark.django_db(transaction=True)
BAD = 22  # the entry that is attacked
LOG_TABLES = ("audit_entry", "audit_disclosure", "audit_leaf", "audit_checkpoint", "audit_subtree", "audit_sequence")


@dataclass
class Site:
    """A service with a log of some checkpoints, the newest of which an auditor has kept."""

    stack: Stack
    folder: Path
    signing: Signing
    sizes: list[int] = field(default_factory=list)
    kept: bytes = b""

    def grow(self, number: int = 10) -> int:
        recorded(self.stack, number)
        return self.sign()

    def sign(self) -> int:
        self.sizes.append(self.signing.sign().size)
        return self.sizes[-1]

    def keep(self) -> None:
        self.kept = self.signing.published("checkpoint")

    def exported(self, name: str = "bundle") -> Path:
        bundle = self.folder / name
        zipfile.ZipFile(io.BytesIO(b"".join(exported_trail(with_texts=True)))).extractall(bundle)
        return bundle

    def verdict(self, *, known: bool = True, name: str = "bundle") -> dict[str, Any]:
        """Export, and verify as an auditor does in a process of its own; with the kept checkpoint, or without."""
        (self.folder / "kept.note").write_bytes(self.kept)
        words = ["--known", str(self.folder / "kept.note")] if known and self.kept else []
        report: dict[str, Any] = json.loads(self.signing.verify(str(self.exported(name)), *words).stdout)
        return report

    @property
    def span(self) -> tuple[int, int]:
        """Give the checkpoints around the entry that is attacked."""
        return max(size for size in self.sizes if size <= BAD), min(size for size in self.sizes if size > BAD) - 1


@pytest.fixture
def site(stack: Stack, signing: Signing, tmp_path: Path) -> Site:
    site = Site(stack, tmp_path, signing)
    for _ in range(5):
        site.grow()
    site.keep()
    assert site.sizes[0] <= BAD < site.sizes[-2]
    return site


@pytest.fixture
def superuser(transactional_db: None) -> Iterator[psycopg.Connection]:
    with rows.connected(rows.SUPERUSER) as superuser:
        yield superuser


def entry_at(index: int) -> str:
    return f"(SELECT entry_id FROM audit_leaf WHERE index = {index})"


FLIP = f"UPDATE audit_entry SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE id = {entry_at(BAD)}"
DELETE = (f"DELETE FROM audit_entry WHERE id = {entry_at(BAD)}", f"DELETE FROM audit_leaf WHERE index = {BAD}")
CLOSE_UP = (
    f"UPDATE audit_leaf SET index = index + 100000 WHERE index > {BAD}",
    "UPDATE audit_leaf SET index = index - 100001 WHERE index > 100000",
    "UPDATE audit_sequence SET size = size - 1",
)
COPY = (
    "INSERT INTO audit_entry (body, event_id, verb, subject_type, subject_id, actor, occurred_at)"
    " SELECT replace(body::text, encode('tried', 'hex'), encode('cried', 'hex'))::bytea, gen_random_uuid(), verb,"
    " subject_type, subject_id, actor, occurred_at FROM audit_entry WHERE verb = 'stack:tried' LIMIT 1"
)
FORGE = (
    f"UPDATE audit_leaf SET index = index + 100000 WHERE index >= {BAD}",
    "UPDATE audit_leaf SET index = index - 99999 WHERE index >= 100000",
    COPY,
    f"INSERT INTO audit_leaf (index, entry_id) SELECT {BAD}, max(id) FROM audit_entry",
    "UPDATE audit_sequence SET size = size + 1",
)
SWAP = (
    f"UPDATE audit_leaf SET index = 100000 WHERE index = {BAD}",
    f"UPDATE audit_leaf SET index = {BAD} WHERE index = {BAD + 1}",
    f"UPDATE audit_leaf SET index = {BAD + 1} WHERE index = 100000",
)
ATTACKS: dict[str, tuple[tuple[str, ...], str, str]] = {  # statements; the verdict; with the signer's hashes beside
    "a byte flipped": ((FLIP,), "TAMPERED", "TAMPERED"),
    "a row deleted": (DELETE, "DELETED", "DELETED"),
    "a row deleted, and the rest renumbered": ((*DELETE, *CLOSE_UP), "DELETED", "DELETED"),
    "a row inserted in the past": (FORGE, "TAMPERED", "TAMPERED"),
    "two rows swapped": (SWAP, "TAMPERED", "REORDERED"),
    "the place of a row taken away": ((DELETE[1],), "DELETED", "DELETED"),
}


@pytest.mark.parametrize("with_head", [False, True], ids=["head as it was", "head made anew"])
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_a_row_is_named_with_the_checkpoints_around_it(
    site: Site, superuser: psycopg.Connection, name: str, with_head: bool
) -> None:
    statements, verdict, _ = ATTACKS[name]
    rows.tamper(*statements)
    if with_head:
        _make_head_anew(superuser)
    report = site.verdict()
    first, last = site.span
    assert report["verdict"] == verdict, report
    assert report["first_bad_entry"] == first
    [found] = [one for one in report["findings"] if one["verdict"] == verdict]
    assert found["through"] in {last, None}


@pytest.mark.parametrize("name", ATTACKS)
def test_with_the_hashes_that_the_signer_published_the_entry_is_named_exactly(site: Site, name: str) -> None:
    """Whoever mirrors the public tiles beside the checkpoints can tell what was done."""
    statements, _, verdict = ATTACKS[name]
    rows.tamper(*statements)
    bundle = site.exported()
    for level in ("0", "1"):
        shutil.rmtree(bundle / "tile" / level, ignore_errors=True)
        if (site.signing.path / "log" / "tile" / level).exists():
            shutil.copytree(site.signing.path / "log" / "tile" / level, bundle / "tile" / level)
    report = json.loads(site.signing.verify(str(bundle)).stdout)
    assert (report["verdict"], report["first_bad_entry"]) == (verdict, BAD), report


@pytest.mark.parametrize("name", ATTACKS)
def test_the_signer_refuses_to_go_on(site: Site, name: str) -> None:
    statements, _, _ = ATTACKS[name]
    rows.tamper(*statements)
    before = site.signing.published("checkpoint")
    with pytest.raises((HeadForks, HeadShrinks)):
        _sign_and_look(site)
    assert site.signing.published("checkpoint") == before


def _sign_and_look(site: Site) -> None:
    signer = site.signing.publish_keys()
    signer.sign()
    signer.check_again()


def _make_head_anew(superuser: psycopg.Connection) -> None:
    """Write the head that the rows make, as whoever has the database can."""
    found = superuser.execute("SELECT count(*) FROM audit_leaf JOIN audit_entry AS e ON e.id = entry_id").fetchone()
    size = int(found[0]) if found else 0
    places = [index for (index,) in superuser.execute("SELECT index FROM audit_leaf ORDER BY index")]
    if places == list(range(size)):
        root = merkle.root_of(bodies(superuser, 0, size))
        superuser.execute("UPDATE audit_sequence SET size = %s, root = %s", [size, root])


def test_only_search_columns_edited_are_a_mismatch(site: Site) -> None:
    rows.tamper(f"UPDATE audit_entry SET actor = 'user:99' WHERE id = {entry_at(BAD)}")
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("PROJECTION_MISMATCH", BAD)


def test_a_text_taken_away_without_an_entry_is_no_erasure(site: Site) -> None:
    rows.execute_as_superuser(f"DELETE FROM audit_disclosure WHERE entry_id = {entry_at(BAD)} AND field = 'because'")
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("UNAUTHORISED_ERASURE", BAD)


def test_another_text_behind_a_commitment_is_tampered(site: Site) -> None:
    rows.execute_as_superuser(
        f"WITH gone AS (DELETE FROM audit_disclosure WHERE entry_id = {entry_at(BAD)} AND field = 'because'"
        " RETURNING *)"
        " INSERT INTO audit_disclosure (entry_id, field, salt, value) SELECT entry_id, field, salt, 'another' FROM gone"
    )
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("TAMPERED", BAD)


def test_a_guard_that_was_lifted_for_an_edit_and_put_back_hides_nothing(
    site: Site, superuser: psycopg.Connection
) -> None:
    superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change")
    try:
        superuser.execute(FLIP)
        assert any("audit_entry_no_change" in str(one) for one in _broken())
    finally:
        superuser.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change")
    assert _broken() == [], "the tripwire has nothing to tell any more"
    assert site.verdict()["verdict"] == "TAMPERED"


def _broken() -> list[Any]:
    return list(broken_guards(django_connection, append_only_tables()))


def _cut(site: Site, size: int) -> None:
    """Take the log back to a size, checkpoints included, so that nothing in it tells of more."""
    with rows.connected(rows.SUPERUSER) as superuser:
        root = merkle.root_of(bodies(superuser, 0, size))
        rows.tamper(
            f"DELETE FROM audit_disclosure WHERE entry_id IN (SELECT entry_id FROM audit_leaf WHERE index >= {size})",
            f"DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_leaf WHERE index >= {size})",
            f"DELETE FROM audit_leaf WHERE index >= {size}",
            f"DELETE FROM audit_checkpoint WHERE size > {size}",
        )
        superuser.execute("UPDATE audit_sequence SET size = %s, root = %s", [size, root])


def test_a_tail_cut_below_the_checkpoint_that_an_auditor_kept_is_truncated(site: Site) -> None:
    _cut(site, site.sizes[-2])
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("TRUNCATED", site.sizes[-2])
    without = site.verdict(known=False, name="without")
    assert (without["verdict"], without["first_bad_entry"]) == ("UNANCHORED", 0), "which says that nobody vouches"


@dataclass(frozen=True)
class Backup:
    """The rows of the log and the signer's folder, as they were."""

    tables: dict[str, list[Any]]
    folder: Path


def _backup(site: Site, superuser: psycopg.Connection) -> Backup:
    tables = {name: superuser.execute(f"SELECT to_jsonb(t) FROM {name} AS t").fetchall() for name in LOG_TABLES}
    return Backup(tables, Path(shutil.copytree(site.signing.path, site.folder / "backup")))


def _restore(site: Site, superuser: psycopg.Connection, backup: Backup, *, with_folder: bool) -> None:
    """Restore the database alone, or together with the signer's folder."""
    rows.tamper(*(f"DELETE FROM {name}" for name in reversed(LOG_TABLES) if name != "audit_entry"))
    rows.tamper("DELETE FROM audit_entry")
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        for name, found in backup.tables.items():
            for (row,) in found:
                superuser.execute(
                    f"INSERT INTO {name} OVERRIDING SYSTEM VALUE"
                    f" SELECT * FROM jsonb_populate_record(NULL::{name}, %s::jsonb)",
                    [json.dumps(row)],
                )
    if with_folder:
        for part in ("head", "log"):
            place = site.signing.path / part
            shutil.rmtree(place) if place.is_dir() else place.unlink()
            source = backup.folder / part
            shutil.copytree(source, place) if source.is_dir() else shutil.copy2(source, place)


def test_an_old_backup_of_the_database_alone_is_refused_by_the_signer(
    site: Site, superuser: psycopg.Connection
) -> None:
    backup = _backup(site, superuser)
    site.grow()
    before = site.signing.published("checkpoint")
    _restore(site, superuser, backup, with_folder=False)
    with pytest.raises(HeadShrinks):
        site.signing.sign()
    recorded(site.stack, 30)
    with pytest.raises(HeadForks):
        site.signing.sign()
    assert site.signing.published("checkpoint") == before


@pytest.mark.parametrize(("more", "verdict"), [(5, "ROLLBACK"), (10, "SPLIT_VIEW"), (15, "INCONSISTENT")])
def test_an_old_backup_of_database_and_signer_that_went_on_contradicts_what_an_auditor_kept(
    site: Site, superuser: psycopg.Connection, more: int, verdict: str
) -> None:
    """Nothing on the host can know; a checkpoint outside does, and both notes are kept."""
    backup = _backup(site, superuser)
    begun = site.sizes[-1]
    assert site.grow(10) == begun + 10
    site.keep()
    _restore(site, superuser, backup, with_folder=True)
    kept_in = int(time.time())
    while int(time.time()) == kept_in:  # what is signed within a second of each other has no order
        time.sleep(0.05)
    assert site.grow(more) == begun + more, "the signer signs it"
    report = site.verdict()
    assert report["verdict"] == verdict, report
    [found] = [one for one in report["findings"] if one["verdict"] == verdict]
    assert len(found["evidence"]) == 2
    assert site.kept.decode() in found["evidence"]


@pytest.mark.parametrize("hours", [-2, 2])
def test_an_entry_with_a_time_outside_of_the_checkpoints_around_it_is_backdated(site: Site, hours: int) -> None:
    recorded(site.stack, 1, at=timezone.now() + timedelta(hours=hours))
    size = site.sign()
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("BACKDATED", size - 1)


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"a":1.5}', b'{"a":9007199254740992}', b'{"b":1,"a":2}', b"\xff"])
def test_a_row_that_two_readers_could_read_differently_is_not_canonical(
    site: Site, superuser: psycopg.Connection, body: bytes
) -> None:
    """Whoever can insert past `trail.record` gets it signed, and told of for ever."""
    record = logs.entry(7, at=timezone.now().timestamp())
    rows.insert_record(superuser, Record(body=body, projection=record.projection))
    size = site.sign()
    report = site.verdict()
    assert (report["verdict"], report["first_bad_entry"]) == ("NON_CANONICAL", size - 1)


def test_an_event_is_recorded_once_and_its_id_has_one_content(site: Site) -> None:
    one, number = logs.entry(7, at=timezone.now().timestamp()), Entry.objects.count()
    other = logs.entry(7, at=timezone.now().timestamp(), data={"story": "another"})
    with rows.connected() as application:
        rows.insert_record(application, one)
        for again in (one, other):
            with pytest.raises(psycopg.errors.UniqueViolation):
                rows.insert_record(application, again)
    assert Entry.objects.count() == number + 1


def test_an_event_that_a_superuser_doubles_is_named(site: Site, superuser: psycopg.Connection) -> None:
    superuser.execute("ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_event_id_key")
    try:
        superuser.execute(
            "INSERT INTO audit_entry (body, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at)"
            " SELECT body, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at FROM audit_entry"
            f" WHERE id = {entry_at(BAD)}"
        )
        size = site.sign()
        report = site.verdict()
    finally:
        rows.tamper("DELETE FROM audit_disclosure", "DELETE FROM audit_leaf", "DELETE FROM audit_entry")
        superuser.execute("ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_event_id_key UNIQUE (event_id)")
    assert (report["verdict"], report["first_bad_entry"]) == ("DUPLICATED", size - 1), report
    assert f"as entry {BAD}" in str(report["findings"])


def test_an_entry_over_65_535_bytes_takes_its_change_along(site: Site) -> None:
    number = Entry.objects.count()
    with pytest.raises(EntryTooLarge):
        recorded(site.stack, 1, data={"words": "x" * 65_535})
    assert Entry.objects.count() == number


def test_a_second_log_under_the_same_name_is_untrusted(site: Site, tmp_path: Path) -> None:
    """Somebody exchanges the signer with all of its keys; the auditor has pinned the old ones."""
    pinned = site.signing.vkeys
    rows.tamper("DELETE FROM audit_checkpoint", "DELETE FROM audit_logkey")
    with signing_in(tmp_path / "other") as other:
        other.sign()
        bundle = site.exported()
    site.signing.vkeys = pinned
    assert json.loads(site.signing.verify(str(bundle)).stdout)["verdict"] == "UNTRUSTED"

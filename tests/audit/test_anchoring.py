"""What witnesses sign comes into the database and into bundles; what contradicts the log stays an alarm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from awe_incidents.audit import anchoring, exporting, verify_trail
from awe_incidents.audit.anchoring import FRESH_SECONDS, Anchoring, Paced
from awe_incidents.audit.anchors import Anchor as Place
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.exporting import export
from awe_incidents.audit.log_folder import LogFolder, published_vkeys
from awe_incidents.audit.log_keys import open_keys
from awe_incidents.audit.log_rows import newest_note
from awe_incidents.audit.models import Anchor, Checkpoint
from awe_incidents.audit.note import Ed25519Signer, Note
from awe_incidents.audit.pushes import FolderPush
from awe_incidents.audit.sequencer import sequence_entries
from awe_incidents.audit.signer import HEARTBEAT_SECONDS, TrailSigner
from awe_incidents.audit.timestamping import TimestampAuthority, read_certificates
from awe_incidents.audit.witness import Witness
from awe_incidents.audit.witness_client import WitnessClient
from awe_incidents.audit.witness_folder import WitnessFolder
from tests.audit import logs, rows, witnesses
from tests.audit.authority import Authority
from tests.audit.test_processes import until

pytestmark = pytest.mark.django_db(transaction=True)


class Site:
    """A signer and an anchoring program of one log, step by step, with a clock that can be moved."""

    def __init__(self, folder: Path, connection: psycopg.Connection) -> None:
        self.path, self.connection, self.ahead = folder, connection, 0
        self.folder = LogFolder.open(folder)
        self.keys = open_keys(folder, origin=logs.ORIGIN, passphrase="", clock=self.now, may_make=True)
        self.folder.publish_keys(self.keys.vkeys)
        self.signer = TrailSigner(self.folder, self.keys, connection, clock=self.now)
        self.stack = ExitStack()

    def now(self) -> int:
        return logs.BEGAN + 100 + self.ahead  # entries are of that time

    def grow(self, *numbers: int) -> None:
        with rows.connected() as application:
            rows.insert(application, *numbers)
            sequence_entries(application)
        self.signer.sign()

    def witness(self, folder: Path, name: str = witnesses.NAME) -> tuple[Witness, WitnessClient]:
        """Give a witness that listens, and what asks it."""
        place = WitnessFolder.open(folder)
        cosigners = place.cosigners(name, passphrase="", clock=self.now, with_mldsa=False)
        witness = Witness(place, cosigners, [self.keys.plain.key])
        url = self.stack.enter_context(witnesses.listening(witness))
        return witness, WitnessClient(url, [cosigners[0].key], clock=self.now)

    def anchoring(self, *clients: Place, every: float = 0) -> Anchoring:
        paced = [Paced(client, every) for client in clients]
        return Anchoring(self.path, paced, self.connection, clock=self.now)

    def newest(self) -> Note:
        published = self.folder.checkpoint()
        assert published is not None
        return Note.parse(published)

    def verdict(self, bundle: Path, *witnesses: Witness, quorum: int = 1) -> str:
        """Export, and verify as an auditor does who pinned these witnesses."""
        with rows.connected() as application:
            export(application, bundle, keys=[], with_texts=False, on_progress=lambda *_: None)
        keys = [word for witness in witnesses for vkey in witness.vkeys for word in ("--witness", vkey)]
        return str(self.verified(bundle, "--quorum", str(quorum), *keys)["verdict"])

    def verified(self, bundle: Path, *words: str) -> dict[str, object]:
        pins = [word for vkey in published_vkeys(self.path) for word in ("--vkey", vkey)]
        command = [sys.executable, "-I", verify_trail.__file__, str(bundle), "--origin", logs.ORIGIN, *pins, *words]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
        report: dict[str, object] = json.loads(done.stdout)
        return report


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[Site]:
    with rows.connected(rows.SIGNER) as connection:
        site = Site(tmp_path / "trail", connection)
        with site.stack:
            yield site
        site.folder.close()


def cosigned() -> list[tuple[int, list[str]]]:
    found = Checkpoint.objects.filter(witnesses__isnull=False).order_by("id")
    return [(one.size, one.witnesses or []) for one in found]


def test_a_bundle_is_anchored_once_a_witness_has_signed(site: Site, tmp_path: Path) -> None:
    witness, client = site.witness(tmp_path / "w1")
    site.grow(*range(5))
    assert site.verdict(tmp_path / "before", witness) == "UNANCHORED"
    site.anchoring(client).turn()
    assert cosigned() == [(5, [witnesses.NAME])]
    assert site.verdict(tmp_path / "after", witness) == "OK"
    site.grow(5)
    assert site.verdict(tmp_path / "after", witness) == "UNANCHORED", "the last one is not signed outside yet"
    told = Anchor.objects.get()
    assert (told.name, told.kind, told.size, told.answer, told.alarm) == (witnesses.NAME, "witness", 5, "it signed", "")
    assert told.held_at is not None


def test_a_checkpoint_is_brought_once_and_a_heartbeat_again(site: Site, tmp_path: Path) -> None:
    witness, client = site.witness(tmp_path / "w1")
    site.grow(0)
    anchoring = site.anchoring(client)
    for _ in range(3):
        anchoring.turn()
    site.ahead += HEARTBEAT_SECONDS
    site.grow()
    anchoring.turn()
    assert cosigned() == [(1, [witnesses.NAME])] * 2
    assert site.verdict(tmp_path / "bundle", witness) == "OK"


def test_it_is_not_asked_more_often_than_that(site: Site, tmp_path: Path) -> None:
    _, client = site.witness(tmp_path / "w1")
    anchoring = site.anchoring(client, every=1000)
    for number in range(3):
        site.grow(number)
        anchoring.turn()
    assert [size for size, _ in cosigned()] == [1]


def test_an_old_checkpoint_is_not_brought_as_what_came_since_would_look_dated_back(site: Site, tmp_path: Path) -> None:
    _, client = site.witness(tmp_path / "w1")
    site.grow(0)
    site.ahead += FRESH_SECONDS + 1
    anchoring = site.anchoring(client)
    anchoring.turn()
    assert cosigned() == []
    site.grow(1)
    anchoring.turn()
    assert cosigned() == [(2, [witnesses.NAME])]


def test_witnesses_of_one_checkpoint_stand_in_one_note(site: Site, tmp_path: Path) -> None:
    first, one = site.witness(tmp_path / "w1")
    second, two = site.witness(tmp_path / "w2", "witness.example/w2")
    site.grow(*range(3))
    site.anchoring(one, two).turn()
    assert cosigned() == [(3, ["witness.example/w1", "witness.example/w2"])]
    assert site.verdict(tmp_path / "bundle", first, second, quorum=2) == "OK"


def test_a_witness_that_comes_back_signs_beside_the_other(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchoring, "FIRST_RETRY_SECONDS", 0.0)
    first, one = site.witness(tmp_path / "w1")
    second, two = site.witness(tmp_path / "w2", "witness.example/w2")
    (tmp_path / "w2" / "logs").rename(tmp_path / "w2" / "away")
    site.grow(*range(3))
    program = site.anchoring(one, two)
    program.turn()
    assert Anchor.objects.get(name="witness.example/w2").answer.startswith("it answers 500")
    (tmp_path / "w2" / "away").rename(tmp_path / "w2" / "logs")
    program.turn()
    assert cosigned()[-1] == (3, ["witness.example/w1", "witness.example/w2"])
    assert site.verdict(tmp_path / "bundle", first, second, quorum=2) == "OK"


def test_who_does_not_answer_is_asked_less_and_less_often(site: Site, tmp_path: Path) -> None:
    _, client = site.witness(tmp_path / "w1")
    site.stack.close()
    site.grow(0)
    program = site.anchoring(client)
    pace = program._paces[client.name]
    waits = []
    for _ in range(12):
        pace.due_at = 0
        program.turn()
        waits.append(round(pace.due_at - time.monotonic()))
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == waits[-1] == 600
    told = Anchor.objects.get()
    assert (told.size, told.held_at, told.alarm) == (0, None, "")


def test_what_was_forgotten_with_the_database_is_learnt_from_the_witness(site: Site, tmp_path: Path) -> None:
    _, client = site.witness(tmp_path / "w1")
    site.grow(*range(3))
    site.anchoring(client).turn()
    rows.execute_as_superuser("DELETE FROM audit_anchor")
    site.grow(3)
    site.anchoring(client).turn()
    assert [size for size, _ in cosigned()] == [3, 4]


def test_an_alarm_stays_with_both_notes_until_a_person_clears_it(site: Site, tmp_path: Path) -> None:
    witness, client = site.witness(tmp_path / "w1")
    site.grow(*range(3))
    site.anchoring(client).turn()
    mine = Ed25519Signer(logs.ORIGIN, site.keys.plain._private)
    stolen = witnesses.GrowingLog()
    stolen.signer = mine
    place = WitnessFolder(tmp_path / "w1")
    with place.record(logs.ORIGIN) as record:
        record.store(stolen.note(7))  # somebody else with the log's key showed it another history
    site.grow(3)
    program = site.anchoring(client)
    program.turn()
    told = Anchor.objects.get()
    assert "it signed 7 entries, and the log has 4" in told.alarm
    assert told.alarm_at is not None
    assert told.evidence.count(logs.ORIGIN + "\n") == 2, "the note that was sent, and the last one that it signed"
    with place.record(logs.ORIGIN) as record:
        record.store(bytes(site.newest()))
    program._paces[client.name].due_at = 0
    program.turn()
    told.refresh_from_db()
    assert (told.answer, bool(told.alarm)) == ("it signed", True)
    site.anchoring()  # no longer configured
    told.refresh_from_db()
    env = rows.environment(rows.SIGNER)
    for code in (0, 1):
        done = rows.start("-m", "awe_incidents.audit", "anchor", "--clear", client.name, env=env)
        output, _ = done.communicate(timeout=60)
        assert done.returncode == code, output
    told.refresh_from_db()
    assert told.alarm + told.evidence == ""
    assert Anchor.objects.get().alarm_at is None
    assert site.verdict(tmp_path / "bundle", witness) == "OK"


def test_who_is_no_longer_configured_is_forgotten(site: Site, tmp_path: Path) -> None:
    _, client = site.witness(tmp_path / "w1")
    site.grow(0)
    site.anchoring(client).turn()
    site.anchoring()
    assert not Anchor.objects.exists()


def test_a_signer_goes_on_beside_what_witnesses_signed(site: Site, tmp_path: Path) -> None:
    witness, client = site.witness(tmp_path / "w1")
    site.grow(*range(3))
    program = site.anchoring(client)
    program.turn()
    site.grow(3)
    site.signer = TrailSigner(site.folder, site.keys, site.connection, clock=site.now)
    site.grow(4)
    program.turn()
    rows_of_size = [one.size for one in Checkpoint.objects.order_by("id")]
    assert rows_of_size == [3, 3, 4, 5, 5]
    newest = newest_note(site.connection)
    assert newest is not None
    assert Note.parse(newest).text == site.newest().text
    assert site.verdict(tmp_path / "bundle", witness) == "OK"


def test_a_cosigned_checkpoint_that_comes_late_does_not_stand_for_the_newest(site: Site, tmp_path: Path) -> None:
    witness, client = site.witness(tmp_path / "w1")
    site.grow(*range(3))
    hold = client.hold

    def growing(published: object, *, held: int) -> object:
        answer = hold(published, held=held)  # type: ignore[arg-type]
        site.grow(3)  # while the witness signs
        return answer

    client.hold = growing  # type: ignore[assignment, method-assign]
    site.anchoring(client).turn()
    assert [one.size for one in Checkpoint.objects.order_by("id")] == [3, 4, 3]
    newest = newest_note(site.connection)
    assert newest is not None
    assert Note.parse(newest).text == site.newest().text
    assert site.verdict(tmp_path / "bundle", witness) == "UNANCHORED"
    assert sizes(tmp_path / "bundle") == [3, 3, 4]


def sizes(bundle: Path) -> list[int]:
    notes = (bundle / "checkpoints").read_text().split(f"{logs.ORIGIN}\n")[1:]
    return [int(one.partition("\n")[0]) for one in notes]


def test_thinning_keeps_the_last_of_each_witness(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MOST_CHECKPOINTS", 2)
    first, one = site.witness(tmp_path / "w1")
    second, two = site.witness(tmp_path / "w2", "witness.example/w2")
    site.grow(0)
    site.anchoring(one, two).turn()
    site.grow(1)
    site.anchoring(two).turn()
    for number in range(2, 9):
        site.grow(number)
    site.verdict(tmp_path / "bundle", first, second)
    kept = (tmp_path / "bundle" / "checkpoints").read_text()
    assert {1, 2, 9} <= set(sizes(tmp_path / "bundle"))
    assert len(sizes(tmp_path / "bundle")) <= 5
    assert kept.count("\u2014 witness.example/w1 ") == 1
    assert kept.count("\u2014 witness.example/w2 ") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_checkpoint (size, root, note, signed_at, witnesses) VALUES (1, '', '', now(), '{w}')",
        "INSERT INTO audit_anchor (name, kind, answer) VALUES ('w', 'witness', 'it signed')",
        "UPDATE audit_anchor SET alarm = ''",
        "DELETE FROM audit_anchor",
        "INSERT INTO audit_anchorproof (name, size, note, proof, held_at) VALUES ('t', 1, '', '', now())",
        "DELETE FROM audit_anchorproof",
    ],
)
def test_the_application_may_only_read(transactional_db: None, statement: str) -> None:
    with rows.connected() as application, pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(statement)


@pytest.mark.parametrize("table", ["audit_anchorproof", "audit_checkpoint"])
def test_nobody_changes_what_was_given(transactional_db: None, table: str) -> None:
    with rows.connected(rows.SIGNER) as signer, pytest.raises(psycopg.errors.InsufficientPrivilege):
        signer.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("program", [("-m", "awe_incidents.audit", "anchor"), ("manage.py", "anchor_trail")])
def test_the_program_brings_what_the_signer_publishes(site: Site, tmp_path: Path, program: tuple[str, ...]) -> None:
    site.ahead = now() - site.now()  # another process has the system's clock
    vkey = str(site.keys.plain.key)
    with witnesses.serving(tmp_path / "w1", vkey) as http:
        [key] = witnesses.keys(witnesses.opened(tmp_path / "w1"))
        line = f"{http.base_url} {key}"
        env = rows.environment(
            rows.SIGNER, AWE_TRAIL_DIR=str(site.path), AWE_TRAIL_WITNESSES=line, AWE_ANCHOR_SECONDS="1"
        )
        process = rows.start(*program, env=env)
        try:
            for number in range(2):
                site.grow(number)
                until(lambda size=number + 1: (size, [witnesses.NAME]) in cosigned())  # type: ignore[misc]
            rows.execute_as_superuser(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'awe-anchoring'"
            )
            site.grow(2)
            until(lambda: (3, [witnesses.NAME]) in cosigned())
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


def test_a_program_without_anchors_says_what_to_configure(site: Site) -> None:
    refused = rows.start(
        "-m", "awe_incidents.audit", "anchor", env=rows.environment(rows.SIGNER, AWE_TRAIL_DIR=str(site.path))
    )
    output, _ = refused.communicate(timeout=60)
    assert (refused.returncode, "AWE_TRAIL_WITNESSES" in output) == (1, True)


def test_the_command_exports_the_same(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = site.witness(tmp_path / "w1")
    site.grow(0)
    site.anchoring(client).turn()
    monkeypatch.setenv("AWE_TRAIL_DIR", str(site.path))
    call_command("export_trail", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "checkpoints").read_text().count(witnesses.NAME) == 1


def test_a_token_is_exported_beside_its_note_and_anchors_the_bundle(site: Site, tmp_path: Path) -> None:
    site.ahead = now() - site.now()
    authority = Authority(tmp_path / "tsa")
    url = site.stack.enter_context(witnesses.answering(authority))
    client = TimestampAuthority(url, read_certificates(authority.root), clock=now)
    site.grow(*range(3))
    program = site.anchoring(client)
    for _ in range(2):
        program.turn()
    site.verdict(tmp_path / "bundle")
    [token] = (tmp_path / "bundle" / "anchors").glob("*.tsr")
    note = token.with_suffix(".note")
    assert authority.verifies(note, token)
    report = site.verified(tmp_path / "bundle", "--known", str(note), "--tolerance", "100000000")
    assert report["verdict"] == "OK", report
    told = Anchor.objects.get()
    assert (told.kind, told.size, told.answer) == ("timestamp", 3, "it gave a token")


def test_places_without_time_get_what_grew_only(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    program = site.anchoring(FolderPush(place))
    for _ in range(2):
        site.grow(len(list(place.iterdir())))
        for _ in range(2):
            program.turn()
        site.ahead += HEARTBEAT_SECONDS
        site.grow()
        program.turn()
    assert len(list(place.iterdir())) == 2
    site.grow(5)
    site.anchoring(FolderPush(place)).turn()
    assert len(list(place.iterdir())) == 3
    assert cosigned() == []

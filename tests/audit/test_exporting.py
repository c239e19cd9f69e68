"""What the service recorded leaves it as a bundle that `verify_trail.py` verifies in another process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Event
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit import exporting, trail, verify_trail
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.errors import ErasureRefused, ExportRefused, HeadForks
from awe_incidents.audit.exporting import export
from awe_incidents.audit.log_folder import published_vkeys
from awe_incidents.audit.models import Checkpoint, Disclosure, Entry
from awe_incidents.audit.processes import connect, run_sequencer, run_signer
from diagnostics.models import Stack
from tests.audit import dying, logs, rows
from tests.audit.test_processes import published_size, until
from tests.conftest import SETUP

OTHER_VERB = "UPDATE audit_entry SET body = replace(body::text, encode('tried', 'hex'), encode('cried', 'hex'))::bytea"
pytestmark = pytest.mark.django_db(transaction=True)


def record(stack: Stack, number: int = 1, *, because: str = "it was so") -> list[Entry]:
    ids = []
    for _ in range(number):
        with transaction.atomic():
            ids.append(
                trail.record("stack:tried", subject=stack, by=SETUP, at=timezone.now(), because=because, incident_id=7)
            )
    return list(Entry.objects.filter(pk__in=ids).order_by("pk"))


@pytest.fixture
def signing(transactional_db: None, tmp_path: Path) -> Iterator[Path]:
    """A sequencer and a signer at work; gives the signer's folder."""
    folder, stopping = tmp_path / "trail", Event()
    sequencer, signer = (partial(connect, rows.url_of(role), name="test") for role in (rows.APPLICATION, rows.SIGNER))
    with ThreadPoolExecutor(2) as pool:
        pool.submit(run_sequencer, sequencer, stopping=stopping)
        signed = pool.submit(run_signer, signer, folder=folder, origin=logs.ORIGIN, passphrase="", stopping=stopping)
        try:
            yield folder
        finally:
            stopping.set()
            refusal = signed.exception()  # it may have seen what a test did to rows
            assert refusal is None or isinstance(refusal, HeadForks)


def all_signed(folder: Path) -> None:
    def is_signed() -> bool:  # the row comes behind the file
        there = Entry.objects.count()
        return published_size(folder) == there and Checkpoint.objects.filter(size=there).exists()

    until(is_signed)


def verify(bundle: Path, folder: Path) -> tuple[int, dict[str, object]]:
    """Verify as an auditor does: another process, one file, what was pinned."""
    pins = [word for vkey in published_vkeys(folder) for word in ("--vkey", vkey)]
    done = subprocess.run(
        [sys.executable, "-I", verify_trail.__file__, str(bundle), "--origin", logs.ORIGIN, *pins, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


def test_an_exported_trail_is_verified_in_another_process(
    stack: Stack, reporter: User, signing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(stack, 300)
    all_signed(signing)
    monkeypatch.setenv("AWE_TRAIL_DIR", str(signing))
    call_command("export_trail", tmp_path / "bundle")
    code, report = verify(tmp_path / "bundle", signing)
    assert (code, report["verdict"]) == (3, "UNANCHORED"), "whole, and nobody outside has signed"
    assert report["size"] == Entry.objects.count()
    assert len((tmp_path / "bundle" / "projection.jsonl").read_text().splitlines()) == report["size"]
    assert "it was so" in (tmp_path / "bundle" / "disclosures.jsonl").read_text()
    assert (tmp_path / "bundle" / "vkeys").read_text() == (signing / "log" / "vkeys").read_text()


def test_a_bundle_is_continued(stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection) -> None:
    seen: list[tuple[int, int]] = []
    for more in (1, 260):
        record(stack, more)
        all_signed(signing)
        seen.clear()
        export(connection, tmp_path / "bundle", keys=[], on_progress=lambda done, total: seen.append((done, total)))
        assert verify(tmp_path / "bundle", signing)[1]["verdict"] == "UNANCHORED"
    assert seen[-1] == (Entry.objects.count(), Entry.objects.count())
    assert len(seen) == 260


@pytest.mark.parametrize("step", dying.EXPORT)
def test_an_export_that_was_killed_goes_on_where_it_was(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection, step: str
) -> None:
    record(stack, 600)
    all_signed(signing)
    folder, whole = tmp_path / "bundle", tmp_path / "whole"
    env = rows.environment(rows.APPLICATION, AWE_TRAIL_DIR=str(signing))
    killed = rows.start("-m", "tests.audit.dying", "export", step, str(folder), env=env)
    output, _ = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, output
    record(stack, 3)
    all_signed(signing)
    for place in (folder, whole):
        again = rows.start("manage.py", "export_trail", str(place), env=env)
        output, _ = again.communicate(timeout=60)
        assert again.returncode == 0, output
    assert files_of(folder) == files_of(whole)
    assert verify(folder, signing)[1]["verdict"] == "UNANCHORED"


def files_of(bundle: Path) -> dict[str, bytes]:
    """Give what is in a bundle; partial tiles of before may be there, too, as in any log."""
    files = {str(path.relative_to(bundle)): path for path in bundle.rglob("*") if path.is_file()}
    (widest,) = {max(int(path.name) for name, path in files.items() if name.startswith("tile/entries/002.p/"))}
    kept = (name for name in files if "002.p/" not in name or name.endswith(f"/{widest}"))
    return {name: files[name].read_bytes() for name in kept if not name.endswith(".new")}


def test_texts_stay_at_home_where_they_are_not_wanted(
    stack: Stack,
    signing: Path,
    tmp_path: Path,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record(stack)
    all_signed(signing)
    export(connection, tmp_path / "bundle", keys=[], with_texts=False, on_progress=lambda *_: None)
    assert not (tmp_path / "bundle" / "disclosures.jsonl").exists()
    assert verify(tmp_path / "bundle", signing)[1]["verdict"] == "UNANCHORED"
    monkeypatch.setenv("AWE_TRAIL_DIR", str(signing))
    with pytest.raises(CommandError, match="begun without disclosures"):
        call_command("export_trail", tmp_path / "bundle")
    assert verify(tmp_path / "bundle", signing)[1]["verdict"] == "UNANCHORED"


@pytest.mark.parametrize("command", ["erase", "erase_disclosure"])
def test_an_erased_text_is_gone_and_the_trail_still_whole(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection, command: str
) -> None:
    (entry,) = record(stack, because="a name that nobody may read any more")
    call_command(command, str(entry.event_id), "because", "--because", "asked for")
    assert not Disclosure.objects.filter(entry=entry, field="because").exists()
    # Not waited for: the export itself waits until the erasure is signed.
    until(lambda: published_size(signing) > 0)
    export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)
    assert verify(tmp_path / "bundle", signing)[1]["verdict"] == "UNANCHORED"
    assert "a name that nobody" not in (tmp_path / "bundle" / "disclosures.jsonl").read_text()
    told = Entry.objects.get(verb="entry:erased")
    assert json.loads(bytes(told.body))["data"] == {"event": str(entry.event_id), "fields": ["because"]}
    assert Disclosure.objects.get(entry=told, field="because").value == "asked for"


def test_a_text_that_was_made_to_disappear_is_found(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection
) -> None:
    (entry,) = record(stack)
    all_signed(signing)
    Disclosure.objects.filter(entry=entry, field="because").delete()
    export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)
    assert verify(tmp_path / "bundle", signing)[1]["verdict"] == "UNAUTHORISED_ERASURE"


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (OTHER_VERB, "TAMPERED"),
        ("UPDATE audit_entry SET actor = 'user:99' WHERE verb = 'stack:tried'", "PROJECTION_MISMATCH"),
    ],
)
def test_a_row_that_was_rewritten_after_it_was_signed_is_found(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection, statement: str, verdict: str
) -> None:
    record(stack, 3)
    all_signed(signing)
    rows.tamper(statement)
    refuses = pytest.raises(ExportRefused, match="not those that were signed")
    with refuses if verdict == "TAMPERED" else nullcontext():
        export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)
    assert verify(tmp_path / "bundle", signing)[1]["verdict"] == verdict


@pytest.mark.parametrize("statement", ["DELETE FROM audit_leaf WHERE index = 1", "DELETE FROM audit_entry"])
def test_a_row_that_is_gone_is_named(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection, statement: str
) -> None:
    record(stack, 3)
    all_signed(signing)
    rows.tamper(statement)
    with pytest.raises(ExportRefused, match="is gone"):
        export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)


def test_a_folder_of_a_larger_log_is_refused(
    stack: Stack, signing: Path, tmp_path: Path, connection: psycopg.Connection
) -> None:
    logs.usual(300).export(tmp_path / "bundle")
    record(stack)
    all_signed(signing)
    with pytest.raises(ExportRefused, match="300 entries"):
        export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)


def test_an_erasure_that_nobody_signs_is_not_waited_for_without_end(
    stack: Stack,
    signing: Path,
    tmp_path: Path,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (entry,) = record(stack)
    all_signed(signing)
    monkeypatch.setattr(exporting, "ERASURE_SECONDS", 0.0)
    with rows.connected(rows.SUPERUSER) as superuser, superuser.transaction():
        superuser.execute("SELECT FROM audit_sequence FOR UPDATE")  # the sequencer waits
        erase_texts(event_id=entry.event_id, by=SETUP, at=timezone.now(), because="asked for")
        with pytest.raises(ExportRefused, match="an erasure is not signed yet"):
            export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)


def test_an_export_needs_a_signature(tmp_path: Path, connection: psycopg.Connection) -> None:
    with pytest.raises(CommandError, match="nothing was signed yet"):
        call_command("export_trail", tmp_path / "bundle")


def test_checkpoints_are_thinned_and_the_newest_is_kept(
    stack: Stack,
    signing: Path,
    tmp_path: Path,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(5):
        record(stack)
        all_signed(signing)
    monkeypatch.setattr(exporting, "MOST_CHECKPOINTS", 2)
    export(connection, tmp_path / "bundle", keys=[], on_progress=lambda *_: None)
    notes = (tmp_path / "bundle" / "checkpoints").read_bytes()
    assert notes.count(logs.ORIGIN.encode() + b"\n") in {1, 2}
    assert notes.endswith((tmp_path / "bundle" / "checkpoint").read_bytes())


REFUSED: dict[str, Callable[[Entry], dict[str, object]]] = {
    "no reason": lambda entry: {"event_id": entry.event_id, "because": " "},
    "no such entry": lambda entry: {"event_id": UUID(int=1), "because": "asked for"},
    "no such text": lambda entry: {"event_id": entry.event_id, "fields": ["private.x"], "because": "asked for"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_erasure_that_cannot_be_is_refused(stack: Stack, name: str) -> None:
    (entry,) = record(stack)
    with pytest.raises(ErasureRefused):
        erase_texts(by=SETUP, at=timezone.now(), **REFUSED[name](entry))  # type: ignore[arg-type]
    assert Disclosure.objects.filter(entry=entry, field="because").exists()
    assert not Entry.objects.filter(verb="entry:erased").exists()


def test_texts_are_erased_once(stack: Stack) -> None:
    (entry,) = record(stack)
    gone = erase_texts(event_id=entry.event_id, by=SETUP, at=timezone.now(), because="asked for")
    assert gone == ["actor.name", "because"]
    with pytest.raises(ErasureRefused):
        erase_texts(event_id=entry.event_id, by=SETUP, at=timezone.now(), because="asked for")

"""New keys of the log: an auditor who pinned an old one follows; who cannot sign by the key in force brings in none."""

from __future__ import annotations

import io
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from awe_incidents.audit import note, trail
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import LogKeyUnusable, RotationImpossible, RotationRefused
from awe_incidents.audit.key_history import KeyHistory
from awe_incidents.audit.log_folder import published_keys, published_vkeys
from awe_incidents.audit.log_keys import open_keys
from awe_incidents.audit.log_rows import log_head
from awe_incidents.audit.models import Checkpoint, Entry, LogKey
from awe_incidents.audit.note import Ed25519Signer
from awe_incidents.audit.queries import exported_trail, known_keys
from awe_incidents.audit.rotating import rotate_log_keys
from awe_incidents.audit.rotation import VERB, Rotation, parse_rotation, rotation_of
from awe_incidents.audit.state import trail_state
from awe_incidents.audit.tiles import encode_bundle
from awe_incidents.audit.verify_trail import KeyChain, Pins, Report, Verification, main, parse_key
from tests.audit import dying, logs, rows
from tests.audit.logs import Log
from tests.audit.test_processes import PROGRAM, WITHIN_SECONDS, published_size, sequencing, signing, until
from tests.audit.test_verify_trail import prove
from tests.conftest import SETUP

# Bundles: a log of 300 entries, of which entry 150 brings new keys and entry 250 others.


def rotated(*, witnessed: bool = True) -> Log:
    log = Log()
    log.record(100)
    log.sign()
    log.record(50)
    log.sign()
    log.rotate(61)
    log.sign()
    log.record(99)
    log.rotate(71)
    log.record(49)
    log.sign(witnessed=witnessed)
    return log


def verified(log: Log, folder: Path, *vkeys: str, known: tuple[bytes, ...] = ()) -> Report:
    witnesses = [parse_key(str(log.witness.key))]
    return Verification(folder, Pins(log.origin, list(map(parse_key, vkeys)), witnesses), known).run()


def told(report: Report) -> tuple[str, int | None]:
    return report.verdict, None if report.first_bad is None else report.first_bad.entry


@pytest.fixture
def first_keys() -> list[str]:
    """What an auditor pinned when the log began."""
    return Log().vkeys()


def test_who_pinned_the_first_key_follows_to_the_newest(tmp_path: Path, first_keys: list[str]) -> None:
    log = rotated()
    report = verified(log, log.export(tmp_path / "bundle"), *first_keys, known=(log.notes[0],))
    assert told(report) == ("OK", None), report.as_words()
    assert f"From entry 150 on, new keys sign checkpoints: {Log(seed=61).vkeys()[0]}" in report.as_words()
    assert f"From entry 250 on, new keys sign checkpoints: {log.vkeys()[0]}" in report.as_words()


def test_who_pinned_a_later_key_follows_back_to_what_was_signed_before(tmp_path: Path) -> None:
    log = rotated()
    bundle = log.export(tmp_path / "bundle")
    for vkeys in (log.vkeys(), Log(seed=61).vkeys(), [log.vkeys()[0]]):
        assert told(verified(log, bundle, *vkeys)) == ("OK", None)


def test_a_timed_key_alone_does_not_lead_to_others(tmp_path: Path, first_keys: list[str]) -> None:
    log = rotated()
    report = verified(log, log.export(tmp_path / "bundle"), first_keys[1])
    assert told(report) == ("UNTRUSTED", 150)
    assert "pin those of type 0x01" in report.as_words()


@pytest.mark.parametrize("timed", [True, False])
def test_an_old_key_signs_nothing_any_more(tmp_path: Path, first_keys: list[str], timed: bool) -> None:
    """Whoever stole it signs a tree that is true, even."""
    log, thief = rotated(), Log()
    log.record(5)
    thief.records, thief.now = log.records, log.now
    log.notes.append(thief.sign(timed=timed, witnessed=True))
    report = verified(log, log.export(tmp_path / "bundle"), *first_keys)
    assert report.verdict == "UNTRUSTED"
    assert "may sign those of sizes 1 to 150" in report.as_words()


def test_a_new_key_signs_nothing_of_before(tmp_path: Path, first_keys: list[str]) -> None:
    log = rotated()
    early, later = Log(), Log(seed=71)
    early.record(120)
    later.records, later.now = early.records, early.now
    log.notes.insert(1, later.sign())
    report = verified(log, log.export(tmp_path / "bundle"), *first_keys)
    assert report.verdict == "UNTRUSTED"
    assert "may sign those of sizes 251 and more" in report.as_words()


def test_a_checkpoint_of_the_entry_itself_is_the_new_keys(tmp_path: Path, first_keys: list[str]) -> None:
    log = Log()
    log.record(10)
    log.rotate(61, then=False)
    log.sign(witnessed=True)
    report = verified(log, log.export(tmp_path / "bundle"), *first_keys)
    assert report.verdict == "UNTRUSTED"
    assert "of size 11, is signed by" in report.as_words()


def test_a_key_that_appears_without_an_entry_is_untrusted(tmp_path: Path, first_keys: list[str]) -> None:
    log, other = logs.usual(200), Log(seed=61)
    other.records, other.now = log.records, log.now
    other.record(10)
    other.notes = [*log.notes, other.sign(witnessed=True)]
    report = verified(log, other.export(tmp_path / "bundle"), *first_keys)
    assert report.verdict == "UNTRUSTED"
    assert "that no entry brought in the place of a pinned one" in report.as_words()


STRANGER = Ed25519Signer(logs.ORIGIN, logs.key(91))
FORGERIES: dict[str, Callable[[Log], None]] = {
    "signed by its own key only": lambda log: log.rotate(91, STRANGER),
    "signed by a third key for the old one": lambda log: log.rotate(
        91, Ed25519Signer(logs.ORIGIN, logs.key(95)), STRANGER
    ),
    "not signed by the new one": lambda log: log.rotate(91, log.signer),
    "of strangers alone": lambda log: log.rotate(
        91, Ed25519Signer(logs.ORIGIN, logs.key(81)), STRANGER, old=(Log(seed=81).vkeys()[0], Log(seed=81).vkeys()[1])
    ),
    "by the key of before": lambda log: log.rotate(
        91, Log().signer, STRANGER, old=(Log().vkeys()[0], Log().vkeys()[1])
    ),
    "back to the key of before": lambda log: log.rotate(1),
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("then", ["it signs", "the log's key signs"])
def test_a_forged_entry_of_a_new_key_is_named(tmp_path: Path, first_keys: list[str], name: str, then: str) -> None:
    log = rotated()
    kept = (log.signer, log.timed)
    FORGERIES[name](log)
    if then != "it signs":
        log.signer, log.timed = kept
    log.record(20)
    log.sign(witnessed=True)
    report = verified(log, log.export(tmp_path / "bundle"), *first_keys)
    assert told(report) == ("UNTRUSTED", 300), report.as_words()


def test_the_same_entry_of_a_new_key_again_is_named(tmp_path: Path, first_keys: list[str]) -> None:
    log = rotated()
    log.records.append(log.records[150])
    log.sign(witnessed=True)
    assert told(verified(log, log.export(tmp_path / "bundle"), *first_keys)) == ("UNTRUSTED", 300)


def test_an_entry_of_a_new_key_that_is_shown_to_one_look_only_is_named(tmp_path: Path, first_keys: list[str]) -> None:
    """A full bundle beside the partial one, which the checkpoint covers, shows another entry."""
    log = rotated()
    bundle = log.export(tmp_path / "bundle")
    partial = (bundle / "tile/entries/001.p/44").read_bytes()
    shown = rotated()
    shown.rotate(71 + 10, shown.signer, STRANGER, then=False)
    assert log.verify(bundle).verdict == "OK"
    (bundle / "tile/entries/001").write_bytes(partial + encode_bundle([shown.records[-1].body]))
    report = verified(log, bundle, *first_keys)
    assert told(report) == ("UNTRUSTED", 300), report.as_words()


def test_an_entry_of_a_new_key_that_was_looked_for_has_to_be_in_the_tree(tmp_path: Path, first_keys: list[str]) -> None:
    log = Log()
    log.record(200)
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    entries = logs.bodies(log)
    log.rotate(61)
    whole = [*entries[:50], log.records[-1].body, *entries[51:]]
    (bundle / "tile/entries/000").write_bytes(encode_bundle(whole))
    report = verified(log, bundle, *first_keys)
    assert report.verdict == "UNTRUSTED", report.as_words()


def test_a_proof_is_believed_by_the_key_that_signed_it(tmp_path: Path) -> None:
    log = rotated()
    arguments = prove(log, 120, tmp_path)
    assert main([*arguments, *log.arguments()]) == 0
    pinned = ["--origin", log.origin, "--witness", str(log.witness.key), "--vkey", Log().vkeys()[0]]
    assert main([*arguments, *pinned]) == 10


# The statement, read by us


def statement(
    *signers: Ed25519Signer, old: Log | None = None, new: Log | None = None, origin: str = logs.ORIGIN
) -> bytes:
    old, new = old or Log(), new or Log(seed=61)
    text = bytes(Rotation(origin, (old.vkeys()[0], old.vkeys()[1]), (new.vkeys()[0], new.vkeys()[1])))
    return note.sign(text, *(signers or (old.signer, new.signer)))


def test_what_both_keys_signed_is_read() -> None:
    told = parse_rotation(statement())
    assert [*told.old, *told.new] == [*Log().vkeys(), *Log(seed=61).vkeys()]


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        statement(Log().signer),
        statement(Log(seed=61).signer),
        statement(STRANGER, Log(seed=61).signer),
        statement(origin="other.example/log"),
        statement(new=Log()),
        statement().replace(b"rotation/v1", b"rotation/v2"),
        note.sign(b"awe-incidents/log-key-rotation/v1\n", Log().signer),
        logs.usual(10).notes[0],
    ],
)
def test_what_they_did_not_sign_is_refused(signed: bytes) -> None:
    with pytest.raises(RotationRefused):
        parse_rotation(signed)


def test_other_entries_tell_of_no_key() -> None:
    mentions = logs.entry(1, at=logs.BEGAN, data={"words": VERB}).body
    tells = logs.entry(1, at=logs.BEGAN, verb=VERB).body
    others = [tells.replace(b'"v":1', version) for version in (b'"v":2', b'"v":true', b'"v":"1"')]
    for body in (b"", b"{log_key:rotated", b"[]", logs.entry(1, at=logs.BEGAN).body, mentions, *others):
        assert rotation_of(body) is None
    with pytest.raises(RotationRefused):
        rotation_of(tells)


@pytest.mark.parametrize("version", [b'"v":2', b'"v":true', b'"v":"1"'])
def test_an_entry_of_another_version_brings_no_key_in(version: bytes) -> None:
    body = rotated().records[150].body
    pins = Pins(Log().origin, list(map(parse_key, Log().vkeys())))
    assert KeyChain(pins, [(150, body)]).entries
    assert not KeyChain(pins, [(150, body.replace(b'"v":1', version))]).entries


def test_keys_stand_with_the_entries_that_they_vouch_for() -> None:
    begun = KeyHistory.begun(("a", "b"))
    history = begun.rotated(Rotation("o", ("a", "b"), ("c", "d")), index=700)
    assert history.lines() == ["a 0-699", "b 0-699", "c 700-", "d 700-"]
    assert KeyHistory.load("\n".join(history.lines())) == history
    assert KeyHistory.load("a\nb\n") == begun, "as signers wrote it before keys could follow"
    assert [history.in_force(size) for size in (0, 1, 700, 701)] == [("a", "b")] * 3 + [("c", "d")]
    assert (begun.known_size, history.known_size) == (0, 701)


# The service: command, signer, export


def rotate(folder: Path, *, passphrase: str = "") -> None:
    rotate_log_keys(folder=folder, passphrase=passphrase, clock=now, by=SETUP, at=timezone.now(), because="once a year")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trail"


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start programs, and end them with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
        started.append(rows.start(*words, env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def record(number: int) -> None:
    with rows.connected() as application:
        there = Entry.objects.count()
        rows.insert(application, *range(there, there + number))


def all_signed(folder: Path) -> None:
    def is_signed() -> bool:
        there = Entry.objects.count()
        return published_size(folder) == there and Checkpoint.objects.filter(size=there).exists()

    until(is_signed)


def verdict(folder: Path, bundle: Path, *vkeys: str) -> Report:
    zipfile.ZipFile(io.BytesIO(b"".join(exported_trail(with_texts=False)))).extractall(bundle)
    assert (bundle / "vkeys").read_text() == (folder / "log" / "vkeys").read_text()
    return Verification(bundle, Pins(logs.ORIGIN, list(map(parse_key, vkeys)), tolerance_seconds=10**9)).run()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_running_signer_takes_the_new_keys(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    tmp_path: Path,
    passphrase: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    running(*PROGRAM, "sequence", env=sequencing())
    running(*PROGRAM, "sign", env={**signing(folder), "AWE_TRAIL_PASSPHRASE": passphrase})
    record(3)
    all_signed(folder)
    first = published_vkeys(folder)
    monkeypatch.setenv("AWE_TRAIL_DIR", str(folder))
    monkeypatch.setenv("AWE_TRAIL_PASSPHRASE", passphrase)
    for turn in range(2):
        before = published_vkeys(folder)
        call_command("rotate_trail_key", "--because", "once a year")
        printed = capsys.readouterr().out.split()[-2:]
        until(lambda wanted=printed: published_vkeys(folder) == wanted)  # type: ignore[misc]
        record(2)
        all_signed(folder)
        assert set(before).isdisjoint(published_vkeys(folder))
        report = verdict(folder, tmp_path / f"bundle{turn}", *first)
        assert report.verdict == "UNANCHORED", report.as_words()
    for name in ("log.key", "time.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert (b"ENCRYPTED" in (folder / name).read_bytes()) == bool(passphrase)
    assert sorted(path.name for path in folder.glob("*.key*")) == ["log.key", "time.key"]
    assert Entry.objects.filter(verb=VERB).count() == 2
    places = [(key.first, key.last) for key in known_keys()]
    assert places == [(0, 2), (0, 2), (3, 5), (3, 5), (6, None), (6, None)]
    assert trail_state().keys == known_keys()


ROTATE: dict[str, Callable[[], None]] = dying.ROTATE
SIGN_NEW = {**dying.TAKE_KEYS, **{step: dying.SIGN[step] for step in dying.SIGN if "key" not in step}}


def finished(folder: Path, running: Callable[..., subprocess.Popen[str]], bundle: Path, first: list[str]) -> None:
    """Let programs run, and demand that the log is whole and that both keys had their time."""
    if not Entry.objects.filter(verb=VERB).exists():
        rotate(folder)
    running(*PROGRAM, "sequence", env=sequencing())
    running(*PROGRAM, "sign", env=signing(folder))
    record(2)
    all_signed(folder)
    assert set(first).isdisjoint(published_vkeys(folder))
    assert sorted(path.name for path in folder.glob("*.key*")) == ["log.key", "time.key"]
    assert Entry.objects.filter(verb=VERB).count() == 1
    report = verdict(folder, bundle, *first)
    assert report.verdict == "UNANCHORED", report.as_words()


def usable(folder: Path) -> list[str]:
    """Give the keys that a signer would sign with now: there is always a pair."""
    keys = open_keys(folder, origin=logs.ORIGIN, passphrase="", clock=now, may_make=False)
    return list(keys.vkeys)


def signed_first(folder: Path, running: Callable[..., subprocess.Popen[str]]) -> list[str]:
    """Let a signer sign three entries; give its keys."""
    programs = [running(*PROGRAM, "sequence", env=sequencing()), running(*PROGRAM, "sign", env=signing(folder))]
    record(3)
    all_signed(folder)
    for program in programs:
        program.terminate()
        program.wait(60)
    return published_vkeys(folder)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ROTATE)
def test_a_rotation_that_was_killed_is_run_again(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    tmp_path: Path,
    step: str,
) -> None:
    first = signed_first(folder, running)
    env = rows.environment(rows.APPLICATION, AWE_TRAIL_DIR=str(folder))
    killed = running("-m", "tests.audit.dying", "rotate", step, env=env)
    assert killed.wait(WITHIN_SECONDS) == -signal.SIGKILL
    assert usable(folder) == first, "the old keys are in force until the signer meets the entry"
    rotate(folder)
    finished(folder, running, tmp_path / "bundle", first)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", SIGN_NEW)
def test_a_signer_that_was_killed_while_it_took_new_keys_goes_on(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    tmp_path: Path,
    step: str,
) -> None:
    first = signed_first(folder, running)
    rotate(folder)
    sequencer = running(*PROGRAM, "sequence", env=sequencing())
    until(lambda: log_head(connection).size == 4)
    sequencer.terminate()
    sequencer.wait(60)
    killed = running("-m", "tests.audit.dying", "sign", step, env=signing(folder))
    assert killed.wait(WITHIN_SECONDS) == -signal.SIGKILL
    history = published_keys(folder)
    assert history is not None
    assert usable(folder) == list(history.newest)
    assert (history.newest != tuple(first)) == (step != "before-history" and step != "head-read")
    finished(folder, running, tmp_path / "bundle", first)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["signed by its own key only", "by the key of before", "of strangers alone"])
def test_an_entry_that_an_attacker_inserted_ends_the_signer(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path, name: str
) -> None:
    """With a superuser's rights anybody can insert the row; the signer does not sign it, nor by another key."""
    first = signed_first(folder, running)
    attacker = Log(now=int(timezone.now().timestamp()))
    attacker.signer = Ed25519Signer(logs.ORIGIN, logs.key(99))
    attacker.record(500)
    FORGERIES[name](attacker)
    with rows.connected(rows.SUPERUSER) as superuser:
        rows.insert_record(superuser, attacker.records[-1])
    running(*PROGRAM, "sequence", env=sequencing())
    refused = running(*PROGRAM, "sign", env=signing(folder))
    output, _ = refused.communicate(timeout=WITHIN_SECONDS)
    assert (refused.returncode, "RotationRefused" in output) == (10, True), output
    assert (published_size(folder), published_vkeys(folder)) == (3, first)
    assert Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() == 3


@pytest.mark.django_db(transaction=True)
def test_a_stolen_key_brings_in_no_key_that_is_not_in_the_folder(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    signed_first(folder, running)
    stolen = open_keys(folder, origin=logs.ORIGIN, passphrase="", clock=now, may_make=False)
    thief = Log(seed=81, origin=logs.ORIGIN)
    told = Rotation(logs.ORIGIN, stolen.vkeys, (thief.vkeys()[0], thief.vkeys()[1]))
    signed = note.sign(bytes(told), stolen.plain, thief.signer)
    with transaction.atomic():
        subject = LogKey.objects.get(vkey=stolen.vkeys[0])
        trail.record(VERB, subject=subject, by=SETUP, at=timezone.now(), data={"note": signed.decode()})
    running(*PROGRAM, "sequence", env=sequencing())
    refused = running(*PROGRAM, "sign", env=signing(folder))
    output, _ = refused.communicate(timeout=WITHIN_SECONDS)
    assert (refused.returncode, "was the old one stolen?" in output) == (10, True), output


@pytest.mark.django_db(transaction=True)
def test_a_rotation_is_refused_without_reason_or_keys(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWE_TRAIL_DIR", str(folder))
    with pytest.raises(CommandError, match="has no keys yet"):
        call_command("rotate_trail_key", "--because", "once a year")
    signed_first(folder, running)
    with pytest.raises(CommandError, match="say why"):
        call_command("rotate_trail_key", "--because", " ")
    with pytest.raises(LogKeyUnusable):
        rotate(folder, passphrase="another")
    rows.tamper("DELETE FROM audit_logkey")
    with pytest.raises(RotationImpossible, match="never worked with this database"):
        rotate(folder)
    assert usable(folder) == published_vkeys(folder)

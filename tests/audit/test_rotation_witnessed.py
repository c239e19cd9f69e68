"""A witness, run by its command, that is given the log's new key before or after the log signs with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command

from awe_incidents.audit import verify_trail
from awe_incidents.audit.log_folder import published_vkeys
from awe_incidents.audit.models import Anchor, Checkpoint, Entry
from tests.audit import logs, rows, witnesses
from tests.audit.test_processes import PROGRAM, published_size, sequencing, signing, until

pytestmark = pytest.mark.django_db(transaction=True)
COMMAND = ("manage.py",)


class Log:
    """The programs of a log as processes, of which each can be ended and started again."""

    def __init__(self, folder: Path, port: int, witness: str) -> None:
        self.folder = folder
        line = f"http://127.0.0.1:{port} {witness}"
        anchoring = rows.environment(
            rows.SIGNER, AWE_TRAIL_DIR=str(folder), AWE_TRAIL_WITNESSES=line, AWE_ANCHOR_SECONDS="1"
        )
        self._env = {"sequence": sequencing(), "sign": signing(folder), "anchor": anchoring}
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, *programs: str) -> None:
        for program in programs:
            self._running[program] = rows.start(*PROGRAM, program, env=self._env[program])

    def end(self, *programs: str) -> None:
        for program in programs:
            process = self._running.pop(program)
            process.terminate()
            process.communicate()

    def end_all(self) -> None:
        self.end(*self._running)

    def record(self, number: int) -> None:
        with rows.connected() as application:
            there = Entry.objects.count()
            rows.insert(application, *range(there, there + number))

    def all_signed(self) -> None:
        until(lambda: published_size(self.folder) == Entry.objects.count())

    def all_witnessed(self) -> None:
        until(lambda: Checkpoint.objects.filter(size=Entry.objects.count(), witnesses__isnull=False).exists())

    def rotate(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
        """Rotate by the command; give the new key of signatures, as it is sent to the witness."""
        monkeypatch.setenv("AWE_TRAIL_DIR", str(self.folder))
        capsys.readouterr()
        call_command("rotate_trail_key", "--because", "once a year")
        return capsys.readouterr().out.split()[-2]

    def verdict(self, bundle: Path, pinned: list[str], witness: str) -> dict[str, object]:
        """Export by the command, and verify as somebody who pinned the first keys of the log."""
        env = rows.environment(rows.APPLICATION, AWE_TRAIL_DIR=str(self.folder))
        exporting = rows.start("manage.py", "export_trail", "--without-texts", str(bundle), env=env)
        output, _ = exporting.communicate(timeout=60)
        assert exporting.returncode == 0, output
        words = ["--origin", logs.ORIGIN, "--witness", witness, "--tolerance", "1000000000"]
        pins = [word for vkey in pinned for word in ("--vkey", vkey)]
        command = [sys.executable, "-I", verify_trail.__file__, str(bundle), *words, *pins, "--json"]
        report: dict[str, object] = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        return report


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def port() -> int:
    return witnesses.free_port()


@pytest.fixture
def witness(place: Path) -> str:
    """The witness's key, which its people send round before they know of any log."""
    return witnesses.opened(place).vkeys[0]


@pytest.fixture
def log(connection: psycopg.Connection, tmp_path: Path, port: int, witness: str) -> Iterator[Log]:
    log = Log(tmp_path / "trail", port, witness)
    log.start("sequence", "sign")
    until(lambda: bool(published_vkeys(log.folder)))
    yield log
    log.end_all()


def refusals() -> list[str]:
    return list(Anchor.objects.values_list("answer", flat=True))


def test_a_witness_that_gets_the_key_afterwards_goes_on_from_what_it_signed(
    log: Log,
    place: Path,
    port: int,
    witness: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = published_vkeys(log.folder)
    with witnesses.serving(place, first[0], port=port, program=COMMAND):
        log.start("anchor")
        log.record(3)
        log.all_witnessed()
        new = log.rotate(capsys, monkeypatch)
        log.record(2)
        log.all_signed()
        until(lambda: any("under another key" in answer and new in answer for answer in refusals()))
        assert witnesses.latest(place) == {logs.ORIGIN: 3}
        report = log.verdict(tmp_path / "before", first, witness)
        assert (report["verdict"], report["anchored"]) == ("UNANCHORED", 3)
    with witnesses.serving(place, first[0], new, port=port, program=COMMAND):
        log.record(1)
        log.all_witnessed()
        assert witnesses.latest(place) == {logs.ORIGIN: 7}
        assert log.verdict(tmp_path / "after", first, witness)["verdict"] == "OK"
    assert [one.alarm for one in Anchor.objects.all()] == [""]
    assert witnesses.evidence(place) == []


def test_a_witness_that_gets_the_key_beforehand_refuses_nothing(
    log: Log,
    place: Path,
    port: int,
    witness: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = published_vkeys(log.folder)
    monkeypatch.setenv("AWE_TRAIL_DIR", str(log.folder))
    call_command("rotate_trail_key", "--prepare")
    prepared = capsys.readouterr().out.split()[-2:]
    assert set(prepared).isdisjoint(first)
    with witnesses.serving(place, first[0], prepared[0], port=port, program=COMMAND):
        log.start("anchor")
        log.record(3)
        log.all_witnessed()
        assert published_vkeys(log.folder) == first, "nothing is changed yet"
        call_command("rotate_trail_key", "--prepare")
        assert capsys.readouterr().out.split()[-2:] == prepared
        assert log.rotate(capsys, monkeypatch) == prepared[0]
        log.record(2)
        log.all_witnessed()
        assert published_vkeys(log.folder) == prepared
        assert witnesses.latest(place) == {logs.ORIGIN: 6}
        assert not any("another key" in answer for answer in refusals())
        assert log.verdict(tmp_path / "bundle", first, witness)["verdict"] == "OK"


def test_a_witness_that_knows_the_new_key_alone_goes_on_too(
    log: Log,
    place: Path,
    port: int,
    witness: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The old one can be taken away: whoever stole it gets nothing signed any more."""
    first = published_vkeys(log.folder)
    with witnesses.serving(place, first[0], port=port, program=COMMAND):
        log.start("anchor")
        log.record(3)
        log.all_witnessed()
    new = log.rotate(capsys, monkeypatch)
    log.record(2)
    log.all_signed()
    with witnesses.serving(place, new, port=port, program=COMMAND):
        log.all_witnessed()
        assert witnesses.latest(place) == {logs.ORIGIN: 6}
        assert log.verdict(tmp_path / "bundle", first, witness)["verdict"] == "OK"

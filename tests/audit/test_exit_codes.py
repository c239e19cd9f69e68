"""Every verdict ends the verifier with the exit code that --help and docs/audit.md say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from awe_incidents.audit import verify_trail
from awe_incidents.audit.bundle import Record
from awe_incidents.audit.verify_trail import VERDICTS
from tests.audit import logs
from tests.audit.logs import Log
from tests.audit.rows import ROOT
from tests.audit.test_attacks import delete, edit_line, fork, swap

_ROW = re.compile(r"^\| ([A-Z_]+) \| (\d+) \|", re.MULTILINE)


def whole(log: Log, folder: Path) -> Path:
    return log.export(folder)


def of_another_key(log: Log, folder: Path) -> Path:
    log.signer._private = logs.key(99)
    log.sign()
    return log.export(folder)


def two_trees_of_one_size(log: Log, folder: Path) -> Path:
    log.notes.insert(-1, fork(log, at=300, size=700).sign())
    return log.export(folder)


def signed_smaller_later(log: Log, folder: Path) -> Path:
    smaller = log.notes[2]
    log.now += 1
    log.notes.append(logs.cosigned(smaller, log.timed))
    log.record()
    log.sign()
    return log.export(folder)


def another_history(log: Log, folder: Path) -> Path:
    other = fork(log, at=300, size=800)
    other.notes = log.notes[:-1]
    other.sign()
    return other.export(folder)


def rewritten(attack: Callable[[list[bytes]], list[bytes]]) -> Callable[[Log, Path], Path]:
    def rewrite(log: Log, folder: Path) -> Path:
        log.export(folder)
        logs.rewrite(folder, attack(logs.bodies(log)), hashes=False)
        return folder

    return rewrite


def without_hashes(log: Log, folder: Path) -> Path:
    log.export(folder)
    (folder / "tile/0/001").unlink()
    return folder


def with_a_float(log: Log, folder: Path) -> Path:
    log.records.append(Record(body=b'{"a":1.5}'))
    log.sign(witnessed=True)
    return log.export(folder)


def one_event_twice(log: Log, folder: Path) -> Path:
    log.record(event=str(log.records[321].projection["event_id"]))
    log.sign(witnessed=True)
    return log.export(folder)


def dated_back(log: Log, folder: Path) -> Path:
    log.now += 3_600
    log.sign()
    log.records.append(logs.entry(700, at=logs.BEGAN))
    log.sign(witnessed=True)
    return log.export(folder)


def without_a_text(log: Log, folder: Path) -> Path:
    log.lose(321, "because")
    return log.export(folder)


def with_another_column(log: Log, folder: Path) -> Path:
    log.export(folder)
    edit_line(folder / "projection.jsonl", 321, lambda line: line.update(actor="user:4"))
    return folder


def unwitnessed(log: Log, folder: Path) -> Path:
    log.record()
    log.sign()
    return log.export(folder)


BUNDLES: dict[str, Callable[[Log, Path], Path]] = {
    "UNTRUSTED": of_another_key,
    "SPLIT_VIEW": two_trees_of_one_size,
    "ROLLBACK": signed_smaller_later,
    "INCONSISTENT": another_history,
    "TRUNCATED": rewritten(lambda bodies: bodies[:650]),
    "DELETED": rewritten(delete),
    "REORDERED": rewritten(swap),
    "TAMPERED": rewritten(lambda bodies: [*bodies[:5], b"{}", *bodies[6:]]),
    "UNREADABLE": without_hashes,
    "NON_CANONICAL": with_a_float,
    "DUPLICATED": one_event_twice,
    "BACKDATED": dated_back,
    "UNAUTHORISED_ERASURE": without_a_text,
    "PROJECTION_MISMATCH": with_another_column,
    "UNANCHORED": unwitnessed,
    "OK": whole,
}


def verify(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", verify_trail.__file__, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_has_its_code_in_words_and_for_machines(tmp_path: Path, verdict: str) -> None:
    log = logs.usual()
    pins = log.arguments()
    bundle = str(BUNDLES[verdict](log, tmp_path / "bundle"))
    told, report = verify(bundle, *pins), verify(bundle, *pins, "--json")
    assert told.stdout.startswith(f"{verdict}: ")
    assert json.loads(report.stdout)["verdict"] == verdict
    assert told.returncode == report.returncode == json.loads(report.stdout)["exit_code"] == VERDICTS[verdict][0]
    assert not told.stderr


def test_the_page_documents_the_codes_and_their_weight() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert _ROW.findall(page) == [(name, str(code)) for name, (code, _) in VERDICTS.items()]


@pytest.mark.parametrize(
    "words",
    [
        ["--quorum", "0"],
        ["--quorum", "two"],
        ["--tolerance", "-1"],
        ["--evidence", __file__],
        ["--known", "/nowhere"],
        ["--index", "-1"],
    ],
)
def test_what_ends_without_a_verdict_has_a_code_of_its_own(tmp_path: Path, words: list[str]) -> None:
    log = logs.usual(10)
    done = verify(str(log.export(tmp_path / "bundle")), *log.arguments(), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_without_room_for_what_is_remembered_is_no_verdict(tmp_path: Path) -> None:
    log = logs.usual(10)
    code = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from awe_incidents.audit import verify_trail
from awe_incidents.audit.bundle import Record
verify_trail.tempfile.SpooledTemporaryFile = lambda size: verify_trail.tempfile.TemporaryFile()
resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
sys.exit(verify_trail.main(sys.argv[1:]))
"""
    words = [sys.executable, "-c", code, str(log.export(tmp_path / "bundle")), *log.arguments()]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "File too large" in done.stderr

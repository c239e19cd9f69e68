"""Bundles by somebody who wishes the auditor ill: they end in a verdict, in bounded memory, and show nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awe_incidents.audit import canonical, verify_trail
from awe_incidents.audit.bundle import Record
from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.proof import prove_entry
from awe_incidents.audit.tile_files import TileReader
from awe_incidents.audit.verify_trail import VERDICTS, main
from tests.audit import logs, rows
from tests.audit.logs import Log

LOG = logs.usual(600, every=100)
FILES = (
    "checkpoint",
    "checkpoints",
    "projection.jsonl",
    "disclosures.jsonl",
    "tile/entries/000",
    "tile/entries/002.p/88",
    "tile/0/000",
    "tile/1/000.p/2",
)
WITHIN_SECONDS = 120
MOST_MEGABYTES = 400
# `VmHWM`, as `ru_maxrss` of a program counts what its parent held when it was started (Linux, exec_mmap).
PEAK = """
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
MEASURED = f"""
import resource, runpy, sys
{PEAK}
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("peak", peak(), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(LOG, tmp_path_factory.mktemp("whole") / "bundle")


def exported(log: Log, folder: Path) -> Path:
    """Export a log, with what the service puts beside it."""
    log.export(folder)
    (folder / "vkeys").write_text("\n".join(log.vkeys()))
    (folder / "anchors").mkdir()
    (folder / "anchors" / "300-0123456789abcdef.tsr").write_bytes(b"a token")
    return folder


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def verified(bundle: Path) -> tuple[dict[str, Any], int]:
    """Verify in a process of its own; give the report and the peak of its memory in megabytes."""
    words = [sys.executable, "-I", "-c", MEASURED, verify_trail.__file__, str(bundle), *LOG.arguments(), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == VERDICTS[report["verdict"]][0]
    return report, int(done.stderr.split()[-1]) // 1024


# Things that are no files of the bundle


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def directory(path: Path) -> None:
    path.mkdir()


def nowhere(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("thing", [pipe, device, loop, directory, nowhere])
def test_what_is_no_file_is_unreadable(bundle: Path, name: str, thing: Callable[[Path], None]) -> None:
    (bundle / name).unlink()
    thing(bundle / name)
    report = LOG.verify(bundle)
    assert report.verdict in {"UNREADABLE", "DELETED", "TRUNCATED"}
    assert any(one.verdict == "UNREADABLE" and name in one.words for one in report.findings), report.as_words()


@pytest.mark.parametrize("name", FILES)
def test_a_link_out_of_the_bundle_shows_nothing(bundle: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    secret = bundle.parent / "secret"
    secret.write_text("what nobody else may read\n")
    (bundle / name).unlink()
    (bundle / name).symlink_to(secret)
    for words in ([], ["--json"]):
        assert main([str(bundle), *LOG.arguments(), *words]) in {14, 15, 18}
        told = capsys.readouterr().out
        assert f"{name} leads out of the bundle" in told
        assert "nobody else may read" not in told


def test_a_folder_that_is_a_link_out_of_the_bundle_is_not_followed(bundle: Path) -> None:
    (bundle / "tile").rename(bundle.parent / "tile")
    (bundle / "tile").symlink_to(bundle.parent / "tile")
    report = LOG.verify(bundle)
    assert "leads out of the bundle" in report.as_words()
    assert report.verdict == "TRUNCATED"


def test_a_bundle_may_be_reached_by_a_link_and_have_links_inside(bundle: Path) -> None:
    (bundle / "tile").rename(bundle / "tiles")
    (bundle / "tile").symlink_to("tiles")
    (bundle.parent / "link").symlink_to(bundle)
    assert LOG.verify(bundle.parent / "link").verdict == "OK"


@pytest.mark.parametrize("name", ["\u00b2", "\u0663", "0255", "256", "999", "-1", "+1", "1_0", "9" * 200, "x"])
def test_odd_names_beside_partial_tiles_are_passed_over(bundle: Path, name: str) -> None:
    for folder in ("tile/entries/002.p", "tile/0/002.p"):
        (bundle / folder / name).write_bytes(b"?")
    assert LOG.verify(bundle).verdict == "OK"
    (bundle / "tile/entries/002.p/88").unlink()
    assert LOG.verify(bundle).verdict == "TRUNCATED"


# Things that are too large


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(verify_trail.MAX_FILE_BYTES))


def lists(path: Path) -> None:
    path.write_bytes(b'{"index":0,"texts":[' + b"[]," * 5_000_000 + b"[]]}\n")


def objects(path: Path) -> None:
    path.write_bytes((b'{"index":0,"texts":[' + b"{}," * 1_300_000 + b"{}]}\n") * 3)


def deep(path: Path) -> None:
    path.write_bytes(b'{"index":' + b"[" * 3_900_000 + b"\n")


def deep_objects(path: Path) -> None:
    path.write_bytes(b'{"index":' * 400_000 + b"0" + b"}" * 400_000 + b"\n")


def digits(path: Path) -> None:
    path.write_bytes(b'{"index":' + b"9" * 3_000_000 + b"}\n")


def empty_lines(path: Path) -> None:
    path.write_bytes(b"\n" * 30_000_000)


@pytest.mark.parametrize("name", ["checkpoint", "checkpoints", "projection.jsonl", "disclosures.jsonl"])
@pytest.mark.parametrize("content", [sparse, zeros, lists, objects, deep, deep_objects, digits, empty_lines])
def test_huge_and_deep_files_end_in_a_verdict_in_bounded_memory(
    bundle: Path, name: str, content: Callable[[Path], None]
) -> None:
    content(bundle / name)
    report, megabytes = verified(bundle)
    assert report["verdict"] in {"UNTRUSTED", "UNREADABLE"}
    assert megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/entries/002.p/88", "tile/0/000", "tile/1/000.p/2"])
@pytest.mark.parametrize("content", [sparse, zeros])
def test_huge_tiles_end_in_a_verdict_in_bounded_memory(
    bundle: Path, name: str, content: Callable[[Path], None]
) -> None:
    content(bundle / name)
    report, megabytes = verified(bundle)
    assert report["verdict"] in {"TAMPERED", "DELETED"}
    assert megabytes < MOST_MEGABYTES


def test_no_more_checkpoints_are_held_in_memory_than_said(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_trail, "MAX_CHECKPOINTS", 3)
    report = LOG.verify(bundle)
    assert report.verdict == "UNREADABLE"
    assert "checkpoints is larger than what is read: 3 are" in report.as_words()
    assert report.checkpoints == 4
    monkeypatch.setattr(verify_trail, "MAX_CHECKPOINTS", 6)
    assert LOG.verify(bundle).verdict == "OK"
    monkeypatch.setattr(verify_trail, "MAX_CHECKPOINTS_BYTES", 1_000)
    assert LOG.verify(bundle).verdict == "UNREADABLE"


def test_checkpoints_that_are_all_wrong_are_told_ten_times(bundle: Path) -> None:
    other = Log()
    other.record(30, data={"story": "another"})
    forged = []
    for size in range(1, 31):
        part = Log(now=other.now + size, records=other.records[:size])
        forged.append(part.sign())
    (bundle / "checkpoints").write_bytes(b"\n".join([*forged, *LOG.notes]))
    report = LOG.verify(bundle)
    assert len([one for one in report.findings if one.verdict == "INCONSISTENT"]) == 10


def test_the_first_of_many_texts_that_are_gone_is_named(tmp_path: Path) -> None:
    log = Log()
    log.records = [_with_many_texts(index) for index in range(1_000)]
    log.now += 1_000
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    (bundle / "disclosures.jsonl").write_bytes(b"")
    report = log.verify(bundle)
    assert (report.verdict, report.first_bad and report.first_bad.entry) == ("UNAUTHORISED_ERASURE", 0)
    assert "the text of because, private.0, private.1" in report.as_words()


def _with_many_texts(index: int) -> Record:
    record = logs.entry(index, at=logs.BEGAN + index)
    content = json.loads(record.body)
    content["commitments"] |= {f"private.{number}": f"sha256:{number:064}" for number in range(5)}
    return Record(body=canonical.encode(content), projection=record.projection)


def test_event_ids_chosen_to_fall_together_cost_no_more(tmp_path: Path) -> None:
    ids = verify_trail.EventIds()
    for index in range(50_000):
        ids.add(index, f"00000000-0000-4000-8000-{index:012x}")
    largest = max(map(len, ids._heaps))
    assert largest < 24 * 50_000 / 20
    assert ids.repeated() is None
    ids.add(50_000, f"00000000-0000-4000-8000-{77:012x}")
    assert ids.repeated() == (50_000, 77)
    ids.close()


def test_few_open_files_and_little_memory_are_enough() -> None:
    """Some systems allow 256 to a program."""
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from awe_incidents.audit.verify_trail import EventIds, Missing
{PEAK}
before = peak()
ids, missing = EventIds(), Missing()
for index in range(60_000):
    event = f"{{index:032x}}"
    ids.add(index, event)
    for name in "abcde":
        missing.add(index, event, name, is_erased=index == 0)
print(ids.repeated(), missing.first()[0], (peak() - before) // 1024 < 30)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=rows.ROOT, check=False)
    assert done.stdout == "None 1 True\n", done.stdout + done.stderr


# Things of another form


@pytest.mark.parametrize("name", ["checkpoint", "checkpoints", "projection.jsonl", "disclosures.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "utf-7", "cp037"])
def test_wrong_encodings_are_told(bundle: Path, name: str, encoding: str) -> None:
    path = bundle / name
    before = path.read_bytes()
    path.write_bytes(before.decode().encode(encoding, errors="replace"))
    same = path.read_bytes() == before
    assert (LOG.verify(bundle).verdict in {"UNTRUSTED", "UNREADABLE"}) is not same


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("projection.jsonl", b'{"index":321}', "UNREADABLE"),
        ("projection.jsonl", b" and more", "UNREADABLE"),
        ("disclosures.jsonl", b'{"index":321}', "UNREADABLE"),
    ],
)
def test_something_behind_a_line_is_told(bundle: Path, name: str, more: bytes, expected: str) -> None:
    """A reader of JSON lines that is less careful would show it."""
    path = bundle / name
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:321], lines[321] + more, *lines[322:]]) + b"\n")
    report = LOG.verify(bundle)
    assert (report.verdict, report.first_bad and report.first_bad.entry) == (expected, 321)


def test_something_behind_the_last_line_is_told(bundle: Path) -> None:
    for name in ("projection.jsonl", "disclosures.jsonl"):
        path = bundle / name
        path.write_bytes(path.read_bytes().rstrip(b"\n") + b"*")
    assert LOG.verify(bundle).verdict == "UNREADABLE"


def edited(bundle: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> str:
    path = bundle / name
    lines = path.read_text().splitlines()
    content = json.loads(lines[321])
    edit(content)
    path.write_text("\n".join([*lines[:321], json.dumps(content), *lines[322:]]) + "\n")
    report = LOG.verify(bundle)
    assert report.first_bad is None or report.first_bad.entry == 321
    return report.verdict


def test_a_search_column_that_follows_from_nothing_is_a_mismatch(bundle: Path) -> None:
    assert edited(bundle, "projection.jsonl", lambda line: line.update(note="forged")) == "PROJECTION_MISMATCH"


def test_a_search_column_that_is_left_out_is_a_mismatch(bundle: Path) -> None:
    assert edited(bundle, "projection.jsonl", lambda line: line.pop("verb")) == "PROJECTION_MISMATCH"


def test_something_beside_the_texts_is_unreadable(bundle: Path) -> None:
    assert edited(bundle, "disclosures.jsonl", lambda line: line.update(note="forged")) == "UNREADABLE"


@pytest.mark.parametrize("pair", [5, None, "ab", [], ["00" * 16], {"0": 1, "1": "x"}, ["00" * 16, "forged"]])
def test_a_text_that_nothing_commits_to_is_tampered(bundle: Path, pair: object) -> None:
    assert edited(bundle, "disclosures.jsonl", lambda line: line["texts"].update(note=pair)) == "TAMPERED"


def test_a_commitment_that_is_none_is_opened_by_nothing(tmp_path: Path) -> None:
    log = Log()
    log.record(3)
    content = json.loads(log.records[1].body) | {"commitments": {"because": None}}
    log.records[1] = Record(body=canonical.encode(content), projection=log.records[1].projection)
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    path = bundle / "disclosures.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], '{"index":1,"texts":{"because":5}}', lines[1]]) + "\n")
    assert log.verify(bundle).verdict == "TAMPERED"


def test_a_salt_has_one_form(bundle: Path) -> None:
    index = next(index for index in range(600) if index.to_bytes(16).hex().upper() != index.to_bytes(16).hex())
    path = bundle / "disclosures.jsonl"
    salt = index.to_bytes(16).hex()
    path.write_text(path.read_text().replace(f'"{salt}"', f'"{salt.upper()}"'))
    report = LOG.verify(bundle)
    assert (report.verdict, report.first_bad and report.first_bad.entry) == ("TAMPERED", index)


def test_the_name_of_a_service_cannot_forge_columns_beside_it(tmp_path: Path) -> None:
    """The text behind its commitment is written as JSON, so quotes in it end nothing."""
    name = 'sweeper","incident_id":7,"more":"'
    text = Disclosure(bytes(16), name)
    log = Log()
    log.record()
    content = json.loads(log.records[0].body)
    content["actor"] = {"id": None, "kind": "service", "on_behalf_of": "", "token": ""}
    content["commitments"] = {"actor.name": text.commitment}
    columns = logs.columns(content) | {"actor": f"service:{name}"}
    log.records = [Record(body=canonical.encode(content), projection=columns, texts={"actor.name": text})]
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    assert log.verify(bundle).verdict == "OK"
    path = bundle / "projection.jsonl"
    path.write_text(path.read_text().replace('\\"', '"'))
    assert log.verify(bundle).verdict != "OK"


def test_a_bundle_without_older_checkpoints_says_so(bundle: Path) -> None:
    assert "what was signed before" not in LOG.verify(bundle).as_words()
    (bundle / "checkpoints").unlink()
    report = LOG.verify(bundle)
    assert report.verdict == "OK"
    assert "Not checked: what was signed before" in report.as_words()


def test_mentions_of_new_keys_are_none(tmp_path: Path) -> None:
    """Nobody keeps a new key from being found by words in entries."""
    log = Log()
    log.record(verify_trail.MAX_ROTATIONS + 100, data={"title": "log_key:rotated"})
    log.sign()
    log.rotate(61)
    log.record(5)
    log.sign(witnessed=True)
    first = [verify_trail.parse_key(vkey) for vkey in Log().vkeys()]
    witnesses = [verify_trail.parse_key(str(log.witness.key))]
    pins = verify_trail.Pins(log.origin, first, witnesses)
    report = verify_trail.Verification(log.export(tmp_path / "bundle"), pins).run()
    assert report.verdict == "OK", report.as_words()


# One byte, anywhere

SMALL = logs.usual(300, every=50)
NOT_COVERED = ("vkeys", "anchors/")
CHANGES = ("flip", "put", "cut", "double", "insert", "swap", "remove")


def changed(data: bytes, change: str, place: int, value: int) -> bytes:
    place %= len(data)
    return {
        "flip": data[:place] + bytes([data[place] ^ 1 << value % 8]) + data[place + 1 :],
        "put": data[:place] + bytes([value]) + data[place + 1 :],
        "cut": data[:place],
        "double": data[:place] + data[place : place + 40] * 2 + data[place + 40 :],
        "insert": data[:place] + bytes([value]) * (1 + value % 3) + data[place:],
        "swap": data[:place] + data[place + 1 : place + 2] + data[place : place + 1] + data[place + 2 :],
    }[change]


def says_the_same(name: str, before: bytes, after: bytes) -> bool:
    """Tell whether a change left what is covered: texts of notes, and what lines of JSON say.

    A signature whose name or id was changed is one of a stranger, and is passed over as such.
    """
    if name.startswith("checkpoint"):
        return set(after.split(b"\n\n")[::2]) <= set(before.split(b"\n\n")[::2])
    if name.endswith(".jsonl"):
        try:
            return _lines(before) == _lines(after)
        except ValueError:
            return False
    return before == after


def _lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.decode().removesuffix("\n").split("\n")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(SMALL, tmp_path_factory.mktemp("small") / "bundle")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(CHANGES), st.integers(0, 2**20), st.integers(0, 255))
def test_no_change_to_what_is_covered_is_ok_and_none_breaks_the_verifier(
    small: Path, data: st.DataObject, change: str, place: int, value: int
) -> None:
    names = sorted(str(path.relative_to(small)) for path in small.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(names))
    kept = (small / name).read_bytes()
    try:
        if change == "remove":
            (small / name).unlink()
        else:
            (small / name).write_bytes(changed(kept, change, place, value))
        is_same = change != "remove" and says_the_same(name, kept, (small / name).read_bytes())
        report = SMALL.verify(small)
    finally:
        (small / name).write_bytes(kept)
    if name.startswith(NOT_COVERED):
        assert report.verdict == "OK", report.as_words()
    elif change == "remove" and name in {"checkpoints", "projection.jsonl", "disclosures.jsonl"}:
        assert "Not checked" in report.as_words()
    elif not is_same:
        assert report.verdict not in {"OK", "UNANCHORED"}, report.as_words()


@settings(max_examples=60)
@given(st.binary(max_size=3_000))
def test_any_bytes_as_a_checkpoint_end_in_a_verdict(small: Path, content: bytes) -> None:
    kept = (small / "checkpoint").read_bytes()
    try:
        (small / "checkpoint").write_bytes(content)
        assert SMALL.verify(small).verdict == "UNTRUSTED"
    finally:
        (small / "checkpoint").write_bytes(kept)


@pytest.fixture(scope="module")
def proved(small: Path) -> bytes:
    reader = TileReader(small, SMALL.head().checkpoint())
    return bytes(prove_entry(index=161, hashes=reader.hash, checkpoint=SMALL.notes[-1]))


@settings(max_examples=60)
@given(st.booleans(), st.sampled_from(CHANGES[:-1]), st.integers(0, 2**20), st.integers(0, 255))
def test_any_change_of_a_proof_or_its_entry_ends_in_a_verdict(
    proved: bytes, which: bool, change: str, place: int, value: int
) -> None:
    proof, entry = proved, SMALL.records[161].body
    other = changed(proof if which else entry, change, place, value)
    pins = verify_trail.Pins(
        SMALL.origin,
        [verify_trail.parse_key(vkey) for vkey in SMALL.vkeys()],
        [verify_trail.parse_key(str(SMALL.witness.key))],
    )
    report = verify_trail.verify_proof(other if which else proof, entry if which else other, 161, pins)
    head = b"\n\n".join(proof.split(b"\n\n")[:2])  # what stands before the signatures
    is_same = other == entry if not which else other.startswith(head + b"\n\n")
    assert is_same or report.verdict not in {"OK", "UNANCHORED"}

"""The verifier as a program: alone with `cryptography`, its words, its JSON, its exit codes, and its own proofs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cryptography
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import canonical, errors, note, proof, verify_trail
from awe_incidents.audit.bundle import Record
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import Mldsa44Cosigner
from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.note import Note, Signature
from awe_incidents.audit.tile_files import TileReader
from awe_incidents.audit.verify_trail import VERDICTS, main
from tests.audit import logs, published, vectors
from tests.audit.test_canonical import ENTRIES, JCS_NAMES, VECTORS, needs_vectors

ROOT = Path(__file__).parents[2]
SITE = Path(cryptography.__file__).parents[1]
# Of the log that `logs.usual` makes; whoever changes a format sees it here.
GOLDEN = "93f8967c13869c3cd93044f004d84a8d"
WRITER = "import sys, pathlib; from tests.audit import logs; logs.usual().export(pathlib.Path(sys.argv[1]))"
ALONE = """
import runpy, sys
_, site, *sys.argv = sys.argv
sys.path.append(site)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    foreign = {name.partition(".")[0] for name in sys.modules} & {"awe_incidents", "django", "rfc8785", "psycopg"}
    assert not foreign, foreign
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cryptography` and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("cryptography", "cffi", "pycparser"):
        if (SITE / name).exists():
            (folder / name).symlink_to(SITE / name)
    for path in SITE.glob("_cffi_backend*"):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that another process wrote."""
    folder = tmp_path_factory.mktemp("golden") / "bundle"
    subprocess.run([sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, check=True, timeout=60)
    return folder


def alone(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier as an auditor does: isolated, without our packages."""
    program = str(ROOT / "awe_incidents" / "audit" / "verify_trail.py")
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(site), program, *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False)


def test_the_golden_log_is_the_one_that_it_always_was(golden: Path) -> None:
    names = sorted(str(path.relative_to(golden)) for path in golden.rglob("*") if path.is_file())
    content = b"".join(name.encode() + (golden / name).read_bytes() for name in names)
    assert hashlib.sha256(content).hexdigest()[:32] == GOLDEN


def test_another_process_without_our_packages_verifies_the_golden_log(golden: Path, site: Path) -> None:
    done = alone(site, str(golden), *logs.Log().arguments(), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["verdict"], report["size"], report["anchored"]) == ("OK", 700, 700)


def test_another_process_without_our_packages_names_the_first_bad_entry(
    golden: Path, site: Path, tmp_path: Path
) -> None:
    log = logs.usual()
    bundle = log.export(tmp_path / "bundle")
    bodies = logs.bodies(log)
    bodies[321] = bodies[321].replace(b"stack:tried", b"stack:truce")
    logs.rewrite(bundle, bodies, hashes=False)
    done = alone(site, str(bundle), *log.arguments())
    assert done.returncode == 17
    assert done.stdout.startswith("TAMPERED: ")
    assert "entry 321 is not what was signed" in done.stdout


def test_the_help_documents_every_exit_code(site: Path) -> None:
    done = alone(site, "--help")
    assert done.returncode == 0
    for name, (code, _) in VERDICTS.items():
        assert any(line.split()[:2] == [str(code), name] for line in done.stdout.splitlines())
    assert len({code for code, _ in VERDICTS.values()}) == len(VERDICTS)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/nowhere", "--origin", "o", "--vkey", published.PETER],
        ["/", "--vkey", published.PETER],
        ["/", "--origin", "o"],
        ["/", "--origin", "o", "--vkey", "no key"],
        ["/", "--origin", "o", "--vkey", published.GO_BAD_KEYS[0]],
        ["/", "--origin", "o", "--vkey", published.PETER.replace("c74f20a3", "c74f20a4")],
        ["/", "--origin", "o", "--vkey", published.PETER, "--known", "/nowhere"],
        ["--proof", "/nowhere", "--origin", "o", "--vkey", published.PETER],
    ],
)
def test_whoever_misuses_it_is_told_and_gets_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_unanchored_end_can_be_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.Log()
    log.record(5)
    log.sign()
    bundle = str(log.export(tmp_path / "bundle"))
    assert main([bundle, *log.arguments()]) == 3
    assert "Whoever has the log's key" in capsys.readouterr().out
    assert main([bundle, *log.arguments(), "--accept-unanchored"]) == 0


def test_the_report_for_machines_holds_what_the_words_say(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(golden), *logs.Log().arguments(), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "OK"
    assert report["first_bad_entry"] is None
    assert report["findings"] == []
    assert report["checkpoints"] == 8  # seven of the log, and the newest again
    assert report["origin"] == logs.ORIGIN


def test_real_checkpoints_of_public_logs_are_read() -> None:
    for data, vkeys in ((published.ARCHE_NOTE, published.ARCHE), (published.NAVIGLI_NOTE, published.NAVIGLI)):
        keys = [verify_trail.parse_key(vkey) for vkey in vkeys]
        found = verify_trail.signed_by(verify_trail.parse_checkpoint(data), verify_trail.marks_of(keys))
        assert set(found) == set(keys)
    assert set(found.values()) == {published.NAVIGLI_AT}
    changed = verify_trail.parse_checkpoint(published.NAVIGLI_NOTE.replace(b"\n185550722\n", b"\n185550723\n"))
    for key in keys:
        with pytest.raises(verify_trail.WrongSignature):
            verify_trail.signed_by(changed, verify_trail.marks_of([key]))


# One entry's proof


def prove(log: logs.Log, index: int, folder: Path) -> list[str]:
    reader = TileReader(log.export(folder / "log"), log.head().checkpoint())
    one = proof.prove_entry(index=index, hashes=reader.hash, checkpoint=log.notes[-1])
    (folder / "one.tlog-proof").write_bytes(bytes(one))
    (folder / "entry.json").write_bytes(log.records[index].body)
    return ["--proof", str(folder / "one.tlog-proof"), "--entry", str(folder / "entry.json"), "--index", str(index)]


def test_one_entry_is_verified_by_its_proof(tmp_path: Path, site: Path) -> None:
    log = logs.usual()
    done = alone(site, *prove(log, 321, tmp_path), *log.arguments())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("OK: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("entry.json", b"stack:tried", b"stack:truce", 17),
        ("entry.json", b'{"actor"', b'{ "actor"', 18),
        ("one.tlog-proof", b"index 321", b"index 320", 17),
        ("one.tlog-proof", b"index 321", b"index 0321", 18),
        ("one.tlog-proof", b"tlog-proof@v1", b"tlog-proof@v2", 18),
        ("one.tlog-proof", b"\n700\n", b"\n699\n", 10),
        ("one.tlog-proof", b"trail.example/awe\n700", b"trail.example/other\n700", 10),
    ],
)
def test_a_changed_proof_or_entry_is_refused(tmp_path: Path, file: str, old: bytes, new: bytes, code: int) -> None:
    log = logs.usual()
    arguments = prove(log, 321, tmp_path)
    path = tmp_path / file
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert main([*arguments, *log.arguments()]) == code


def test_a_proof_of_another_index_than_the_auditor_asks_for_is_refused(tmp_path: Path) -> None:
    log = logs.usual()
    arguments = prove(log, 321, tmp_path)
    assert main([*arguments[:-1], "322", *log.arguments()]) == 17


def test_a_proof_that_no_witness_signed_is_unanchored(tmp_path: Path) -> None:
    log = logs.usual()
    log.sign()
    assert main([*prove(log, 321, tmp_path), *log.arguments()]) == 3


def keep(folder: Path, *notes: bytes) -> list[str]:
    """Give the words that say which checkpoints an auditor kept."""
    words = []
    for number, one in enumerate(notes):
        (folder / f"kept-{number}.note").write_bytes(one)
        words += ["--known", str(folder / f"kept-{number}.note")]
    return words


def test_a_proof_under_a_checkpoint_that_you_hold_is_anchored(tmp_path: Path) -> None:
    log = logs.usual()
    log.sign()
    assert main([*prove(log, 321, tmp_path), *log.arguments(), *keep(tmp_path, log.notes[-1])]) == 0


def test_a_proof_under_another_tree_than_you_hold_is_a_split_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, other = logs.usual(), logs.usual()
    other.records[3] = logs.entry(3, at=logs.BEGAN, because="another")
    held = other.sign(witnessed=True)
    arguments = [*prove(log, 321, tmp_path), *log.arguments(), *keep(tmp_path, held), "--json"]
    assert main(arguments) == 11
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["evidence"] == [held.decode(), log.notes[-1].decode()]


def test_of_a_checkpoint_of_another_size_a_proof_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logs.usual()
    log.sign()
    earlier = log.notes[0]
    size = verify_trail.parse_checkpoint(earlier).size
    assert main([*prove(log, 321, tmp_path), *log.arguments(), *keep(tmp_path, earlier)]) == 3
    assert f"Not compared: the checkpoint of {size} entries that you hold" in capsys.readouterr().out


def test_a_checkpoint_that_you_hold_of_another_key_is_untrusted_beside_a_proof(tmp_path: Path) -> None:
    log = logs.usual()
    assert main([*prove(log, 321, tmp_path), *log.arguments(), *keep(tmp_path, logs.Log(seed=9).sign())]) == 10


# Entries: the verifier's own reader beside ours


def ours(data: bytes) -> dict[str, Any] | None:
    try:
        return canonical.parse(data)
    except (errors.NotCanonical, errors.EntryRefused):
        return None


def its(data: bytes) -> dict[str, Any] | None:
    try:
        return verify_trail.parse_entry(data)
    except verify_trail.Refused:
        return None


@given(ENTRIES)
def test_what_we_write_the_verifier_reads(entry: dict[str, Any]) -> None:
    assert its(canonical.encode(entry)) == entry


@given(ENTRIES, st.data())
def test_the_verifier_refuses_what_we_refuse(entry: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(canonical.encode(entry))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.sampled_from([*b'"\\{}[]:,.0129eE-+ utn\x00\x7f\xf0\xed\xff', raw[place]]))
    assert its(bytes(raw)) == ours(bytes(raw))


@given(st.text('{}[]:,.019e-"\\ua', max_size=12))
def test_the_verifier_reads_any_text_as_we_do(text: str) -> None:
    for data in (text.encode(), b'{"a":' + text.encode() + b"}"):
        assert its(data) == ours(data)


@needs_vectors
@pytest.mark.parametrize("name", JCS_NAMES)
def test_the_verifier_agrees_with_the_published_vectors(name: str) -> None:
    output = (VECTORS / "output" / f"{name}.json").read_bytes()
    source = (VECTORS / "input" / f"{name}.json").read_bytes()
    for data in (output, b'{"data":' + output + b"}", source):
        assert its(data) == ours(data)
    if name not in ("structures", "values"):  # which hold floats
        assert its(b'{"data":' + output + b"}") == {"data": json.loads(output)}


@vectors.needs("merkle")
def test_the_verifier_passes_the_published_inclusion_probes() -> None:
    from tests.audit.test_merkle import INCLUSION, decoded

    for path in INCLUSION:
        probe = decoded(path)
        hashes = [probe["leafHash"], *probe["proof"], probe["root"]]
        root = verify_trail.included_root(probe["leafHash"], probe["leafIdx"], probe["treeSize"], probe["proof"])
        is_accepted = root == probe["root"] and all(len(item) == 32 for item in hashes)
        assert is_accepted is not probe["wantErr"], path


# Larger and stranger bundles


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[logs.Log, Path]:
    """A log with a full tile above the leaves, of entries in a version that is not known yet."""
    log = logs.Log()
    for start in range(0, 70_000, 35_000):
        log.records += [Record(body=b'{"number":%d,"v":2}' % index) for index in range(start, start + 35_000)]
        log.sign(witnessed=True)
    return log, log.export(tmp_path_factory.mktemp("large") / "bundle")


def test_entries_of_unknown_versions_are_checked_in_the_tree_and_counted(large: tuple[logs.Log, Path]) -> None:
    log, bundle = large
    report = log.verify(bundle)
    assert (report.verdict, report.size) == ("OK", 70_000)
    assert "Only in the tree: 70000 entries" in report.as_words()


@pytest.mark.parametrize(
    ("torn", "expected"),
    [
        ([], (40_000, 40_000)),
        (["tile/0/156"], (39_936, 40_191)),
        (["tile/1/000"], (35_000, 65_535)),
        (["tile/2/000.p/1"], (35_000, 69_999)),
    ],
)
def test_the_span_is_as_narrow_as_the_hashes_that_the_root_vouches_for(
    large: tuple[logs.Log, Path], torn: list[str], expected: tuple[int, int]
) -> None:
    log, bundle = large
    entries = bundle / "tile" / "entries" / "156"
    kept = {path: path.read_bytes() for path in [entries, *(bundle / name for name in torn)]}
    try:
        entries.write_bytes(entries.read_bytes().replace(b'"number":40000,', b'"number":40009,'))
        for name in torn:
            (bundle / name).write_bytes(b"?" + kept[bundle / name][1:])
        report = log.verify(bundle)
    finally:
        for path, data in kept.items():
            path.write_bytes(data)
    first = report.first_bad
    assert report.verdict == "TAMPERED"
    assert first is not None
    assert (first.entry, first.through) == expected


def test_a_missing_stretch_longer_than_the_window_is_a_deletion(large: tuple[logs.Log, Path], tmp_path: Path) -> None:
    log, bundle = large
    shorter = logs.Log()
    shorter.records, shorter.notes = log.records[:40_000] + log.records[45_000:], log.notes
    other = shorter.export(tmp_path / "other")
    for level in ("0", "1", "2"):
        shutil.rmtree(other / "tile" / level, ignore_errors=True)
        shutil.copytree(bundle / "tile" / level, other / "tile" / level)
    report = log.verify(other)
    assert (report.verdict, report.first_bad and report.first_bad.entry) == ("DELETED", 40_000)
    assert "5000 of 70000" in report.as_words()


def test_a_log_that_grew_since_the_checkpoint_serves_full_tiles_for_partial_ones(tmp_path: Path) -> None:
    log = logs.usual(700)
    notes = list(log.notes)
    log.record(68)
    log.sign()
    bundle = log.export(tmp_path / "bundle")
    (bundle / "checkpoint").write_bytes(notes[-1])
    (bundle / "checkpoints").write_bytes(b"\n".join(notes))
    for name in ("projection", "disclosures"):
        (bundle / f"{name}.jsonl").unlink()
    report = log.verify(bundle)
    assert (report.verdict, report.size) == ("OK", 700)


def test_a_size_that_was_signed_falsely_does_not_keep_the_verifier_busy(tmp_path: Path) -> None:
    log = logs.usual(300)
    text = bytes(Checkpoint(log.origin, 2**62, bytes(32)))
    log.notes.append(note.sign(text, log.signer))
    report = log.verify(log.export(tmp_path / "bundle"))
    assert (report.verdict, report.first_bad and report.first_bad.entry) == ("TRUNCATED", 300)


@pytest.mark.parametrize(
    ("shown", "column", "expected"),
    [(True, "service:sweeper", "OK"), (True, "service:other", "PROJECTION_MISMATCH"), (False, "service:other", "OK")],
)
def test_the_name_of_a_service_is_compared_where_its_commitment_is_opened(
    tmp_path: Path, shown: bool, column: str, expected: str
) -> None:
    text = Disclosure(bytes(16), "sweeper")
    log = logs.Log()
    log.record()
    content = json.loads(log.records[0].body)
    content["actor"] = {"id": None, "kind": "service", "on_behalf_of": "", "token": ""}
    content["commitments"] = {"actor.name": text.commitment}
    columns = logs.columns(content) | {"actor": column}
    log.records = [Record(body=canonical.encode(content), projection=columns, texts={"actor.name": text})]
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "bundle", with_disclosures=shown))
    assert report.verdict == expected
    assert ("names of 1 services" in report.as_words()) is not shown


def test_disclosures_without_texts_are_unreadable(tmp_path: Path) -> None:
    log = logs.usual(10)
    bundle = log.export(tmp_path / "bundle")
    (bundle / "disclosures.jsonl").write_text('{"index":0,"texts":7}\n')
    assert log.verify(bundle).verdict == "UNREADABLE"


@pytest.mark.parametrize(
    "pair",
    [
        "text",
        [],
        ["00" * 15, "reason 0"],
        ["0 " * 32, "reason 0"],
        ["zz" * 16, "reason 0"],
        ["00" * 16, 7],
        ["00" * 16, "\ud800"],
    ],
)
def test_what_opens_no_commitment_is_tampered(tmp_path: Path, pair: object) -> None:
    log = logs.usual(10)
    bundle = log.export(tmp_path / "bundle")
    path = bundle / "disclosures.jsonl"
    lines = path.read_text().splitlines()
    lines[0] = json.dumps({"index": 0, "texts": {"because": pair}})
    path.write_text("\n".join(lines) + "\n")
    assert log.verify(bundle).verdict == "TAMPERED"


def test_keys_that_were_not_pinned_are_named(tmp_path: Path) -> None:
    log, stranger = logs.usual(10), logs.Log(seed=50)
    stranger.records = log.records
    stranger.sign()
    bundle = log.export(tmp_path / "bundle")
    (bundle / "checkpoint").write_bytes(stranger.notes[0])
    report = log.verify(bundle)
    assert report.verdict == "UNTRUSTED", "although `checkpoints` has one by the pinned key"
    assert stranger.signer.key.id.hex() in report.as_words()
    assert log.verify(bundle, known=[stranger.notes[0]]).verdict == "UNTRUSTED"


@pytest.mark.parametrize(
    "value", [b"short", b"\xff" * 72, bytes(72)], ids=["of another length", "of a time beyond 2^63", "of nobody"]
)
def test_a_timed_signature_that_is_none_is_untrusted(tmp_path: Path, value: bytes) -> None:
    log = logs.usual(10)
    one = Note.parse(log.notes[-1])
    mark = Signature(log.witness.key.name, log.witness.key.id, value)
    log.notes[-1] = bytes(Note(one.text, (*one.signatures, mark)))
    assert log.verify(log.export(tmp_path / "bundle")).verdict == "UNTRUSTED"


def test_an_mldsa44_signature_does_not_cover_extension_lines() -> None:
    extended = published.NAVIGLI_NOTE.replace(b"\n\n", b"\nextension\n\n", 1)
    key = verify_trail.parse_key(published.NAVIGLI[1])
    with pytest.raises(verify_trail.WrongSignature):
        verify_trail.signed_by(verify_trail.parse_checkpoint(extended), verify_trail.marks_of([key]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" + published.SUMDB_NOTE,
        b"\0" + published.SUMDB_NOTE,
        published.SUMDB_NOTE[:-1],
        published.SUMDB_NOTE.replace(b"\xe2\x80\x94 ", b"- "),
        published.SUMDB_NOTE.replace(b"65209736", b"065209736"),
        published.SUMDB_NOTE.replace(b"65209736", b"9" * 30),
        published.SUMDB_NOTE.replace(b"XvRo=", b"XvRp="),
        published.EXAMPLE_NOTE,
    ],
)
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(verify_trail.Refused):
        verify_trail.parse_checkpoint(data)
    assert verify_trail.parse_checkpoint(published.SUMDB_NOTE).size == 65_209_736


def test_a_thousand_useless_checkpoints_are_told_ten_times(tmp_path: Path) -> None:
    log = logs.usual(10)
    bundle = log.export(tmp_path / "bundle")
    (bundle / "checkpoints").write_bytes(b"\n".join([b"no\n\nnote\n"] * 1_000))
    report = log.verify(bundle)
    assert report.verdict == "UNTRUSTED"
    assert len(report.findings) == 10


def test_names_from_the_bundle_cannot_command_a_terminal(tmp_path: Path) -> None:
    log = logs.usual(10)
    log.record(data={"a": 1})
    content = json.loads(log.records[-1].body)
    content["commitments"] = {"\x1b[2Jbecause": content["commitments"]["because"]}
    log.records[-1] = Record(body=canonical.encode(content), projection=log.records[-1].projection)
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "bundle"))
    assert report.verdict == "UNAUTHORISED_ERASURE"
    assert "\x1b" not in report.as_words()
    assert "\\x1b[2Jbecause" in report.as_words()


def test_the_extra_line_of_a_proof_is_passed_over(tmp_path: Path) -> None:
    log = logs.usual(300)
    arguments = prove(log, 7, tmp_path)
    path = tmp_path / "one.tlog-proof"
    path.write_bytes(path.read_bytes().replace(b"\nindex", b"\nextra AAAA\nindex"))
    assert main([*arguments, *log.arguments()]) == 0
    path.write_bytes(path.read_bytes().replace(b"\nindex", b"\nindices"))
    assert main([*arguments, *log.arguments()]) == 18


def with_mldsa(log: logs.Log) -> verify_trail.Key:
    """Let a witness sign by ML-DSA-44 as well; give its key."""
    cosigner = Mldsa44Cosigner.from_seed(log.witness.key.name, bytes(32), clock=lambda: log.now)
    one = Note.parse(log.notes[-1])
    mark = Signature(cosigner.key.name, cosigner.key.id, cosigner.sign(one.text))
    log.notes[-1] = bytes(Note(one.text, (*one.signatures, mark)))
    return verify_trail.parse_key(str(cosigner.key))


def by_mldsa_alone(log: logs.Log, key: verify_trail.Key, bundle: Path) -> verify_trail.Report:
    pins = verify_trail.Pins(log.origin, [verify_trail.parse_key(vkey) for vkey in log.vkeys()], [key])
    return verify_trail.Verification(bundle, pins).run()


def test_a_witness_that_signs_by_mldsa44_anchors_a_bundle(tmp_path: Path) -> None:
    log = logs.usual(10)
    key = with_mldsa(log)
    bundle = log.export(tmp_path / "bundle")
    assert by_mldsa_alone(log, key, bundle).verdict == "OK"
    for name in ("checkpoint", "checkpoints"):
        lines = (bundle / name).read_text().splitlines()
        place, line = next((place, line) for place, line in enumerate(lines) if len(line) > 3_000)
        lines[place] = line[:200] + ("A" if line[200] != "A" else "B") + line[201:]
        (bundle / name).write_text("\n".join(lines) + "\n")
    assert by_mldsa_alone(log, key, bundle).verdict == "UNTRUSTED"


def test_a_cryptography_without_mldsa44_says_so_and_passes_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logs.usual(10)
    key = with_mldsa(log)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    report = by_mldsa_alone(log, key, log.export(tmp_path / "bundle"))
    assert report.verdict == "UNTRUSTED"
    assert "cannot check ML-DSA-44: take a newer one" in report.as_words()

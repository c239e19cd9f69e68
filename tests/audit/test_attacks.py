"""Everything that can be done to a bundle, really done, and the verdict that the auditor sees."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from awe_incidents.audit import canonical, merkle, note, verify_trail
from awe_incidents.audit.bundle import Record
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import EntryTooLarge, TileMalformed
from awe_incidents.audit.note import Note
from awe_incidents.audit.tile_files import TileWriter
from awe_incidents.audit.tiles import ENTRIES, TileName, decode_bundle, encode_bundle
from awe_incidents.audit.verify_trail import Report
from tests.audit import logs
from tests.audit.logs import Log

Bodies = list[bytes]


@pytest.fixture
def log() -> Log:
    return logs.usual()


@pytest.fixture
def bundle(log: Log, tmp_path: Path) -> Path:
    return log.export(tmp_path / "bundle")


def verdict(report: Report) -> tuple[str, int | None]:
    first = report.first_bad
    return report.verdict, None if first is None else first.entry


def test_a_bundle_to_which_nothing_was_done_is_ok(log: Log, bundle: Path) -> None:
    report = log.verify(bundle)
    assert verdict(report) == ("OK", None), report.as_words()
    assert (report.size, report.anchored, report.exit_code, report.findings) == (700, 700, 0, [])


# Entries


def change(bodies: Bodies) -> Bodies:
    return [*bodies[:321], bodies[321].replace(b'"number":321', b'"number":322'), *bodies[322:]]


def flip(bodies: Bodies) -> Bodies:
    return [*bodies[:321], bytes([bodies[321][0] ^ 1]) + bodies[321][1:], *bodies[322:]]


def delete(bodies: Bodies) -> Bodies:
    return bodies[:321] + bodies[322:]


def delete_many(bodies: Bodies) -> Bodies:
    return bodies[:321] + bodies[390:]


def delete_and_fill_up(bodies: Bodies) -> Bodies:
    return [*delete(bodies), logs.entry(9_999, at=logs.BEGAN + 700).body]


def insert(bodies: Bodies) -> Bodies:
    return [*bodies[:321], logs.entry(9_999, at=logs.BEGAN + 321).body, *bodies[321:]][:700]


def swap(bodies: Bodies) -> Bodies:
    return [*bodies[:321], bodies[322], bodies[321], *bodies[323:]]


def swap_far(bodies: Bodies) -> Bodies:
    return [*bodies[:321], bodies[650], *bodies[322:650], bodies[321], *bodies[651:]]


def move(bodies: Bodies) -> Bodies:
    return [*bodies[:321], *bodies[322:600], bodies[321], *bodies[600:]]


def cut(bodies: Bodies) -> Bodies:
    return bodies[:650]


def empty(bodies: Bodies) -> Bodies:
    return [*bodies[:321], b"", *bodies[322:]]


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (change, "TAMPERED"),
        (flip, "TAMPERED"),
        (empty, "TAMPERED"),
        (insert, "TAMPERED"),
        (delete, "DELETED"),
        (delete_many, "DELETED"),
        (delete_and_fill_up, "DELETED"),
        (swap, "REORDERED"),
        (swap_far, "REORDERED"),
        (move, "REORDERED"),
    ],
)
def test_other_entries_below_the_signed_hashes_are_named_exactly(
    log: Log, bundle: Path, attack: Callable[[Bodies], Bodies], expected: str
) -> None:
    logs.rewrite(bundle, attack(logs.bodies(log)), hashes=False)
    report = log.verify(bundle)
    assert verdict(report) == (expected, 321), report.as_words()


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (change, "TAMPERED"),
        (flip, "TAMPERED"),
        (insert, "TAMPERED"),
        (swap, "TAMPERED"),  # without the signed hashes nobody can tell an exchange from a change
        (delete_and_fill_up, "TAMPERED"),
        (delete, "DELETED"),
        (delete_many, "DELETED"),
    ],
)
def test_with_the_stored_hashes_made_anew_the_checkpoints_around_say_where(
    log: Log, bundle: Path, attack: Callable[[Bodies], Bodies], expected: str
) -> None:
    logs.rewrite(bundle, attack(logs.bodies(log)), hashes=True)
    report = log.verify(bundle)
    assert verdict(report) == (expected, 300), report.as_words()
    assert report.first_bad is not None
    assert report.first_bad.through == 399


def test_a_hole_in_the_middle_is_a_deletion(log: Log, bundle: Path) -> None:
    path = bundle / str(TileName(ENTRIES, 1))
    entries = decode_bundle(path.read_bytes(), width=256)
    path.write_bytes(encode_bundle(entries[:65] + entries[66:]))
    assert verdict(log.verify(bundle)) == ("DELETED", 321)


def test_an_entry_too_many_in_a_bundle_is_an_insertion(log: Log, bundle: Path) -> None:
    path = bundle / str(TileName(ENTRIES, 1))
    entries = decode_bundle(path.read_bytes(), width=256)
    path.write_bytes(encode_bundle([*entries[:65], b"{}", *entries[65:]]))
    report = log.verify(bundle)
    assert verdict(report) == ("TAMPERED", 321)
    assert "inserted" in report.as_words()


def test_a_missing_bundle_is_a_deletion(log: Log, bundle: Path) -> None:
    (bundle / str(TileName(ENTRIES, 1))).unlink()
    report = log.verify(bundle)
    assert verdict(report) == ("DELETED", 256)
    assert report.first_bad is not None
    assert report.first_bad.through == 511


def test_only_stored_hashes_changed_are_found_although_the_entries_are_right(log: Log, bundle: Path) -> None:
    path = bundle / str(TileName(0, 1))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    report = log.verify(bundle)
    assert verdict(report) == ("TAMPERED", 256)
    assert "stored hashes" in report.as_words()


def test_a_leaf_made_of_node_bytes_is_no_subtree(log: Log, bundle: Path) -> None:
    """Two entries are replaced by one that is their node: the root must not come out the same."""
    bodies = logs.bodies(log)
    node = b"".join(map(merkle.leaf_hash, bodies[320:322]))
    for leaf in (node, b"\x01" + node):
        logs.rewrite(bundle, [*bodies[:320], leaf, *bodies[322:]], hashes=False)
        report = log.verify(bundle)
        assert report.verdict in ("TAMPERED", "DELETED")
        assert report.first_bad is not None
        assert report.first_bad.entry == 320


# What stands beside the entries


def edit_line(path: Path, index: int, edit: Callable[[dict[str, Any]], None]) -> None:
    lines = path.read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if json.loads(line)["index"] == index)
    content = json.loads(lines[place])
    edit(content)
    lines[place] = json.dumps(content)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "user:4"),
        ("verb", "stack:never"),
        ("incident_id", None),
        ("incident_id", True),
        ("occurred_at", "2026-11-23T20:00:00.000000Z"),
        ("event_id", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_search_columns_edited_only(log: Log, bundle: Path, column: str, value: object) -> None:
    edit_line(bundle / "projection.jsonl", 321, lambda line: line.update({column: value}))
    assert verdict(log.verify(bundle)) == ("PROJECTION_MISMATCH", 321)


@pytest.mark.parametrize(
    ("member", "value", "column", "shown"),
    [
        ("incident", "null", "incident_id", None),
        ("incident", True, "incident_id", 1),
        ("subject", {"type": "stack", "id": 5}, "subject_id", "5"),
        ("subject", {"type": None, "id": "5"}, "subject_type", "None"),
        ("actor", {"kind": None, "id": None}, "actor", "None"),
        ("verb", 'a:b","actor":"user:4', "verb", "a:b"),
    ],
)
def test_search_columns_that_only_look_like_the_entry(
    tmp_path: Path, member: str, value: object, column: str, shown: object
) -> None:
    log = Log()
    log.record(3)
    content = json.loads(log.records[1].body) | {member: value}
    columns = dict(log.records[1].projection) | {column: shown}
    log.records[1] = Record(body=canonical.encode(content), projection=columns, texts=log.records[1].texts)
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "bundle"))) == ("PROJECTION_MISMATCH", 1)


@pytest.mark.parametrize("name", ["projection.jsonl", "disclosures.jsonl"])
def test_a_key_twice_in_a_line_beside_an_entry_is_unreadable(log: Log, bundle: Path, name: str) -> None:
    path = bundle / name
    path.write_text(
        path.read_text().replace('{"index":321,', '{"index":321,"verb":"stack:never","verb":"stack:tried",')
    )
    assert verdict(log.verify(bundle)) == ("UNREADABLE", 321)


def test_search_columns_of_one_entry_deleted(log: Log, bundle: Path) -> None:
    path = bundle / "projection.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:321] + lines[322:]))
    assert verdict(log.verify(bundle)) == ("PROJECTION_MISMATCH", 321)


def test_another_text_is_shown_for_a_commitment(log: Log, bundle: Path) -> None:
    edit_line(bundle / "disclosures.jsonl", 321, lambda line: line["texts"]["because"].__setitem__(1, "another"))
    assert verdict(log.verify(bundle)) == ("TAMPERED", 321)


def test_a_text_that_is_gone_without_an_entry(log: Log, tmp_path: Path) -> None:
    log.lose(321, "because")
    assert verdict(log.verify(log.export(tmp_path / "lost"))) == ("UNAUTHORISED_ERASURE", 321)


def test_a_text_that_was_erased_by_an_entry_is_ok(log: Log, tmp_path: Path) -> None:
    log.erase(321, "because")
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "erased"))) == ("OK", None)


def test_an_erasure_covers_nothing_but_what_it_names(log: Log, tmp_path: Path) -> None:
    log.erase(321, "because")
    log.erase(400, "actor.name")  # the entry has no such text
    log.lose(400, "because")
    log.lose(500, "because")
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "erased"))) == ("UNAUTHORISED_ERASURE", 400)


def test_an_erasure_does_not_cover_what_comes_after_it(tmp_path: Path) -> None:
    log = Log()
    log.record(5)
    log.erase(2, "because")
    again = str(log.records[2].projection["event_id"])
    log.record(event="00000000-0000-4000-8000-000000000000")
    log.lose(6, "because")
    log.sign(witnessed=True)
    assert again != log.records[6].projection["event_id"]
    assert verdict(log.verify(log.export(tmp_path / "bundle"))) == ("UNAUTHORISED_ERASURE", 6)


def test_a_bundle_without_texts_and_columns_says_that_they_were_not_checked(log: Log, tmp_path: Path) -> None:
    report = log.verify(log.export(tmp_path / "bare", with_projection=False, with_disclosures=False))
    assert report.verdict == "OK"
    assert "Not checked: projection" in report.as_words()
    assert "Not checked: disclosures" in report.as_words()


# The end of the log


def test_a_cut_tail_below_a_checkpoint_of_the_bundle_is_truncated(log: Log, bundle: Path) -> None:
    logs.rewrite(bundle, cut(logs.bodies(log)), hashes=False)
    assert verdict(log.verify(bundle)) == ("TRUNCATED", 650)


def test_a_tail_cut_at_a_checkpoint_with_all_hashes_made_anew_is_truncated(log: Log, bundle: Path) -> None:
    logs.rewrite(bundle, logs.bodies(log)[:600], hashes=True)
    assert verdict(log.verify(bundle)) == ("TRUNCATED", 600)


def test_a_smaller_head_does_not_hide_a_larger_checkpoint_of_the_bundle(log: Log, bundle: Path) -> None:
    """The prover chooses the size: an older head, and the entries that it covers."""
    (bundle / "checkpoint").write_bytes(log.notes[-2])
    logs.rewrite(bundle, logs.bodies(log)[:600], hashes=True)
    assert verdict(log.verify(bundle)) == ("TRUNCATED", 600)


def cleanly_cut(log: Log, folder: Path) -> Path:
    """Export the log as it was at its last checkpoint but one: nothing in the bundle tells that there is more."""
    log.records, log.notes = log.records[:600], log.notes[:-1]
    return log.export(folder)


def test_a_tail_cut_below_a_checkpoint_that_the_auditor_holds_is_truncated(log: Log, tmp_path: Path) -> None:
    kept = log.notes[-1]
    bundle = cleanly_cut(log, tmp_path / "cut")
    assert verdict(log.verify(bundle)) == ("UNANCHORED", 0)
    assert verdict(log.verify(bundle, known=[kept])) == ("TRUNCATED", 600)


def test_an_old_backup_of_database_and_signer_that_went_on_is_a_rollback(log: Log, tmp_path: Path) -> None:
    kept = log.notes[-1]
    log.records, log.notes = log.records[:600], log.notes[:-1]
    log.record(50)  # other entries than before, and fewer
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "restored"), known=[kept])
    assert verdict(report) == ("ROLLBACK", 650)
    assert len(report.first_bad.evidence if report.first_bad else []) == 2


def test_an_old_backup_of_the_database_alone_ends_below_what_the_signer_signed(log: Log, tmp_path: Path) -> None:
    log.records = log.records[:600]  # the checkpoints are the signer's
    assert verdict(log.verify(log.export(tmp_path / "restored"))) == ("TRUNCATED", 600)


def test_a_log_that_signed_a_smaller_tree_later_is_a_rollback_by_its_own_word(log: Log, tmp_path: Path) -> None:
    smaller = log.notes[2]
    log.now += 1
    log.notes.append(logs.cosigned(smaller, log.timed))
    log.record(10)
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "bundle")))[0] == "ROLLBACK"


def test_without_any_time_a_smaller_log_than_the_auditor_holds_is_a_rollback(tmp_path: Path) -> None:
    log = Log()
    log.record(10)
    log.sign(timed=False)
    bundle = log.export(tmp_path / "bundle")
    log.record(10)
    assert verdict(log.verify(bundle, known=[log.sign(timed=False)])) == ("ROLLBACK", 10)


# Other histories


def fork(log: Log, *, at: int, size: int) -> Log:
    """Sign another history with the same keys, as whoever stole them can."""
    other = Log(now=logs.BEGAN)
    other.records = log.records[:at]
    other.now += at
    other.record(size - at, data={"story": "another"})
    return other


def test_a_fork_at_the_same_size_is_a_split_view_and_both_notes_are_kept(log: Log, tmp_path: Path) -> None:
    kept = log.notes[-1]
    other = fork(log, at=300, size=700)
    other.sign(witnessed=True)
    report = other.verify(other.export(tmp_path / "other"), known=[kept])
    assert report.verdict == "SPLIT_VIEW"
    assert report.first_bad is not None
    sizes = [Checkpoint.parse(Note.parse(text.encode()).text).size for text in report.first_bad.evidence]
    roots = {Checkpoint.parse(Note.parse(text.encode()).text).root for text in report.first_bad.evidence}
    assert sizes == [700, 700]
    assert len(roots) == 2


def test_both_notes_of_a_split_view_are_written_to_files(log: Log, tmp_path: Path, capsys: Any) -> None:
    from awe_incidents.audit.verify_trail import main

    other = fork(log, at=300, size=700)
    other.sign(witnessed=True)
    (tmp_path / "kept.note").write_bytes(log.notes[-1])
    bundle, evidence = other.export(tmp_path / "other"), tmp_path / "evidence"
    options = ["--known", str(tmp_path / "kept.note"), "--evidence", str(evidence)]
    assert main([str(bundle), *log.arguments(), *options]) == 11
    kept = {path.read_bytes() for path in evidence.glob("*split_view*.note")}
    assert kept == {log.notes[-1], other.notes[-1]}


@pytest.mark.parametrize("size", [650, 750])
def test_a_fork_at_another_size_is_inconsistent(log: Log, tmp_path: Path, size: int) -> None:
    kept = log.notes[5 if size == 650 else -1]
    other = fork(log, at=300, size=size)
    other.sign(witnessed=True)
    report = other.verify(other.export(tmp_path / "other"), known=[kept])
    assert report.verdict == "INCONSISTENT", report.as_words()
    assert len(report.first_bad.evidence if report.first_bad else []) == 2


def test_a_stolen_key_that_left_old_checkpoints_in_the_bundle_is_inconsistent(log: Log, tmp_path: Path) -> None:
    other = fork(log, at=300, size=800)
    other.notes = log.notes[:-1]
    other.sign(witnessed=False)
    assert other.verify(other.export(tmp_path / "other")).verdict == "INCONSISTENT"


def test_a_stolen_key_with_a_whole_alternate_history_is_unanchored_at_best(log: Log, tmp_path: Path) -> None:
    """Nothing inside of such a bundle is wrong; who holds a checkpoint or asks for a witness sees it."""
    other = fork(log, at=0, size=800)
    other.sign()
    bundle = other.export(tmp_path / "other")
    assert verdict(other.verify(bundle)) == ("UNANCHORED", 0)
    assert other.verify(bundle, known=[log.notes[-1]]).verdict == "INCONSISTENT"


def test_a_split_view_inside_of_one_bundle(log: Log, tmp_path: Path) -> None:
    other = fork(log, at=300, size=700)
    log.notes.insert(-1, other.sign())
    assert log.verify(log.export(tmp_path / "both")).verdict == "SPLIT_VIEW"


# Times


def test_an_event_that_is_dated_before_the_checkpoint_that_was_without_it(log: Log, tmp_path: Path) -> None:
    log.now += 3_600
    log.sign()
    log.records.append(logs.entry(700, at=logs.BEGAN + 100))
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "bundle"))) == ("BACKDATED", 700)


def test_an_event_that_is_dated_after_the_checkpoint_that_had_it(log: Log, tmp_path: Path) -> None:
    log.records.append(logs.entry(700, at=log.now + 3_600))
    log.sign(witnessed=True)
    assert verdict(log.verify(log.export(tmp_path / "bundle"))) == ("BACKDATED", 700)


def test_the_tolerance_is_the_auditors(log: Log, tmp_path: Path) -> None:
    log.records.append(logs.entry(700, at=log.now + 200))
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    assert log.verify(bundle).verdict == "OK"
    assert verdict(log.verify(bundle, tolerance_seconds=100)) == ("BACKDATED", 700)


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_a_signer_clock_that_was_moved_differs_from_the_witness(log: Log, tmp_path: Path, seconds: int) -> None:
    log.record(10)
    true = log.now
    log.now += seconds
    log.sign()
    log.now = true
    log.notes[-1] = logs.cosigned(log.notes[-1], log.witness)
    report = log.verify(log.export(tmp_path / "bundle"))
    assert report.verdict == "BACKDATED"
    assert "a witness" in report.as_words()


def test_a_signer_clock_that_was_moved_back_contradicts_itself(log: Log, tmp_path: Path) -> None:
    log.now -= 86_400
    log.record(10)
    log.sign()
    report = log.verify(log.export(tmp_path / "bundle"))
    assert report.verdict == "BACKDATED"
    assert "went back" in report.as_words()


def test_without_timed_signatures_the_report_says_that_times_were_not_checked(tmp_path: Path) -> None:
    log = Log()
    log.record(10)
    log.sign(timed=False)
    assert "Not checked: times" in log.verify(log.export(tmp_path / "bundle")).as_words()


# Whose log it is


def test_a_checkpoint_of_another_origin_by_the_same_key_is_untrusted(log: Log, tmp_path: Path) -> None:
    text = bytes(Checkpoint("other.example/log", 700, log.head().checkpoint().root))
    log.notes = [note.sign(text, log.signer)]
    assert log.verify(log.export(tmp_path / "bundle")).verdict == "UNTRUSTED"


def test_a_key_that_the_bundle_brings_along_is_not_believed(log: Log, tmp_path: Path) -> None:
    other = Log(seed=50)
    other.records = log.records
    other.sign(witnessed=True)
    bundle = other.export(tmp_path / "other")
    (bundle / "vkeys").write_text("\n".join(other.vkeys()))
    assert log.verify(bundle).verdict == "UNTRUSTED"


def test_a_checkpoint_whose_text_was_changed_is_untrusted(log: Log, bundle: Path) -> None:
    data = (bundle / "checkpoint").read_bytes()
    (bundle / "checkpoint").write_bytes(data.replace(b"\n700\n", b"\n699\n"))
    assert log.verify(bundle).verdict == "UNTRUSTED"


def test_a_cosignature_that_its_witness_did_not_make_is_untrusted(log: Log, tmp_path: Path) -> None:
    log.witness._private = logs.key(99)
    log.notes[-1] = logs.cosigned(log.notes[-2], log.witness)
    assert log.verify(log.export(tmp_path / "bundle")).verdict == "UNTRUSTED"


def test_entries_behind_the_last_witnessed_checkpoint_are_unanchored(log: Log, tmp_path: Path) -> None:
    log.record(20)
    log.sign()
    bundle = log.export(tmp_path / "bundle")
    report = log.verify(bundle)
    assert verdict(report) == ("UNANCHORED", 700)
    assert report.first_bad is not None
    assert report.first_bad.through == 719
    assert verdict(log.verify(bundle, known=[log.notes[-1]])) == ("OK", None)
    assert verdict(log.verify(bundle, quorum=2)) == ("UNANCHORED", 0)


# What the log should never have signed


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"x":{"a":1,"\\u0061":2}}', "twice"),
        (b'{"a":1.5}', "fraction"),
        (b'{"a":1e2}', "fraction"),
        (b'{"a":NaN}', "fraction"),
        (b'{"a":9007199254740992}', "2^53"),
        (b'{"a":-9007199254740993}', "2^53"),
        (b'{"a":' + b"9" * 6_000 + b"}", "2^53"),
        (b'{"b":1,"a":2}', "canonical"),
        (b'{"a": 1}', "canonical"),
        (b'{"a":"\\/"}', "canonical"),
        (b'{"a":-0}', "canonical"),
        (b'{"a":1}\n', "canonical"),
        ('{"\ufb33":1,"\U0001f602":2}'.encode(), "canonical"),
        (b'{"a":"\\ud800"}', "canonical"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b"", "UTF-8"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "levels"),
        (b'{"a":' + b"[" * 20_000, "levels"),
        (b'{"v":1}', "missing"),
        (b"{}", "version"),
        (b'{"v":"1"}', "version"),
        (logs.entry(700, at=logs.BEGAN).body.replace(b'"v":1', b'"v":true'), "version"),
        (logs.entry(700, at=logs.BEGAN).body.replace(b'.000000Z"', b'Z"'), "time"),
        (logs.entry(700, at=logs.BEGAN).body.replace(b'"verb":"stack:tried"', b'"verb":7'), "verb"),
        (logs.entry(700, at=logs.BEGAN).body.replace(b'"data":{"number":700}', b'"data":null'), "no objects"),
        (re.sub(rb'"commitments":{.*?}', b'"commitments":[]', logs.entry(700, at=logs.BEGAN).body), "no object"),
        (logs.entry(700, at=logs.BEGAN).body.replace(b'"id":"', b'"id":"x', 1), "canonical|UUID"),
    ],
)
def test_a_signed_entry_that_two_readers_could_read_differently(
    log: Log, tmp_path: Path, body: bytes, words: str
) -> None:
    log.records.append(Record(body=body))
    log.record(5)
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "bundle"))
    assert verdict(report) == ("NON_CANONICAL", 700)
    assert any(word in report.as_words() for word in words.split("|")), report.as_words()


TIMES = {
    "0001-01-01T00:00:00.000000Z": True,
    "9999-12-31T23:59:59.999999Z": True,
    "2024-02-29T00:00:00.000000Z": True,
    "2026-04-30T00:00:00.000000Z": True,
    "0000-01-01T00:00:00.000000Z": False,
    "2026-00-18T00:00:00.000000Z": False,
    "2026-13-18T00:00:00.000000Z": False,
    "2026-11-00T00:00:00.000000Z": False,
    "2026-11-31T00:00:00.000000Z": False,
    "2026-12-32T00:00:00.000000Z": False,
    "2026-02-29T00:00:00.000000Z": False,
    "1900-02-29T00:00:00.000000Z": False,
    "2026-11-18T24:00:00.000000Z": False,
    "2026-11-18T11:60:00.000000Z": False,
    "2026-11-18T11:06:60.000000Z": False,
    "2026-11-18T11:06:99.999999Z": False,
    "2026-11-18T11:06:00.00000Z": False,
    "2026-11-18T11:06:00.000000+00:00": False,
    "2026-11-18 11:06:00.000000Z": False,
    "2026-11-18T11:06:00.000000Z\n": False,
    "٢026-11-18T11:06:00.000000Z": False,
}


@pytest.mark.parametrize(("at", "is_time"), TIMES.items(), ids=map(repr, TIMES))
def test_a_time_that_does_not_exist_is_no_time_of_an_entry(log: Log, tmp_path: Path, at: str, is_time: bool) -> None:
    content = json.loads(logs.entry(700, at=logs.BEGAN).body) | {"at": at}
    if is_time:
        verify_trail.check_members(content)
        return
    log.records.append(Record(body=canonical.encode(content)))
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "bundle"))
    assert verdict(report) == ("NON_CANONICAL", 700)
    assert "time" in report.as_words()


def test_large_integers_and_rare_keys_within_the_limits_are_fine(log: Log, tmp_path: Path) -> None:
    data = {"\U0001f602": 2**53 - 1, "\ufb33": -(2**53) + 1, "digits": "1234567890123456789", "\u20ac": "\x7f\u2028"}
    log.record(data=data)
    log.sign(witnessed=True)
    assert log.verify(log.export(tmp_path / "bundle")).verdict == "OK"


@pytest.mark.parametrize("is_same", [True, False])
def test_one_event_twice(log: Log, tmp_path: Path, is_same: bool) -> None:
    event = str(log.records[321].projection["event_id"])
    if is_same:
        log.records.append(log.records[321])
    else:
        log.record(event=event, data={"story": "another"})
    log.sign(witnessed=True)
    report = log.verify(log.export(tmp_path / "bundle"), tolerance_seconds=3_600)
    assert verdict(report) == ("DUPLICATED", 700)
    assert "entry 321" in report.as_words()


def test_an_entry_over_65_535_bytes_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(EntryTooLarge):
        canonical.encode({"a": "x" * 65_535})
    writer = TileWriter(tmp_path)
    with pytest.raises(TileMalformed):
        writer.append(b"x" * 65_536)
    assert writer.size == 0


def test_a_length_that_lies_is_no_way_to_hide_an_entry(log: Log, bundle: Path) -> None:
    path = bundle / str(TileName(ENTRIES, 1))
    data = path.read_bytes()
    path.write_bytes(b"\xff\xff" + data[2:])
    report = log.verify(bundle)
    assert report.verdict in ("DELETED", "TAMPERED")
    assert report.first_bad is not None
    assert report.first_bad.entry == 256


# Bundles that are none


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/001", "tile/1/000.p/2", "tile/0/002.p/188"])
def test_missing_files_are_named(log: Log, bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    report = log.verify(bundle)
    assert report.verdict == "UNREADABLE"
    assert Path(name).name in report.as_words()


@pytest.mark.parametrize("name", ["projection.jsonl", "disclosures.jsonl"])
@pytest.mark.parametrize("lines", [b"no json\n", b'{"index":3}\n{"index":3}\n', b'{"index":"0"}\n', b"[]\n"])
def test_lines_that_are_none_are_unreadable(log: Log, bundle: Path, name: str, lines: bytes) -> None:
    (bundle / name).write_bytes(lines)
    assert log.verify(bundle).verdict in ("UNREADABLE", "UNAUTHORISED_ERASURE", "PROJECTION_MISMATCH")


@pytest.mark.parametrize("name", ["projection.jsonl", "disclosures.jsonl"])
def test_a_torn_line_accuses_nobody_of_an_erasure(log: Log, tmp_path: Path, name: str) -> None:
    log.erase(5, "because")
    log.sign(witnessed=True)
    bundle = log.export(tmp_path / "bundle")
    assert log.verify(bundle).verdict == "OK"
    lines = (bundle / name).read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if json.loads(line)["index"] == 321)
    (bundle / name).write_bytes(b"".join([*lines[:place], lines[place][:20], b"\n", *lines[place + 1 :]]))
    report = log.verify(bundle)
    assert [(one.verdict, one.entry) for one in report.findings] == [("UNREADABLE", 321)], report.as_words()
    assert "Not checked: disclosures" in report.as_words()


def test_a_line_for_an_entry_that_is_not_there_is_unreadable(log: Log, bundle: Path) -> None:
    with (bundle / "projection.jsonl").open("a") as file:
        file.write('{"index":700}\n')
    assert verdict(log.verify(bundle)) == ("UNREADABLE", 700)


@pytest.fixture(params=[0, 1, 255, 256, 257, 512, 700])
def sized(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Log, Path]]:
    log = Log()
    log.record(request.param)
    log.sign(witnessed=True)
    yield log, log.export(tmp_path / "sized")
    shutil.rmtree(tmp_path)


def test_every_size_verifies_and_its_last_entry_is_looked_at(sized: tuple[Log, Path]) -> None:
    log, bundle = sized
    assert log.verify(bundle).verdict == "OK"
    if log.records:
        last = len(log.records) - 1
        bodies = logs.bodies(log)
        bodies[last] = bodies[last].replace(b"stack:tried", b"stack:truce")
        logs.rewrite(bundle, bodies, hashes=False)
        assert verdict(log.verify(bundle)) == ("TAMPERED", last)

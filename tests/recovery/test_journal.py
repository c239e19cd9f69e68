"""The journal of what was done by hand: chained, signed, stored before anybody is told so, and honest about changes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from awe_incidents.recovery.errors import JournalUnusable
from awe_incidents.recovery.journal import Journal, Line, Tampered

AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "deep" / "journal")


def written(journal: Journal, count: int) -> list[str]:
    for number in range(1, count + 1):
        journal.write({"because": f"line {number}"}, at=AT)
    return (journal.folder / "journal.jsonl").read_text().splitlines()


def put(journal: Journal, lines: list[str]) -> None:
    (journal.folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))


def told(journal: Journal) -> list[str]:
    """Give each line in a word: whole, loose (the one before it is another) or why it is refused."""
    return [
        line.reason if isinstance(line, Tampered) else ("whole" if line.follows else "loose") for line in journal.read()
    ]


def test_what_is_written_is_read_again(journal: Journal) -> None:
    written(journal, 3)
    lines = list(journal.read())
    assert [line.entry["because"] for line in lines if isinstance(line, Line)] == ["line 1", "line 2", "line 3"]
    assert told(journal) == ["whole"] * 3
    assert len({line.digest for line in lines if isinstance(line, Line)}) == 3


def test_nobody_else_reads_key_and_journal(journal: Journal) -> None:
    written(journal, 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in journal.folder.iterdir() if path.suffix != ".pub"}
    assert modes == {"journal.jsonl": 0o600, "key.pem": 0o600}
    assert journal.folder.stat().st_mode & 0o777 == 0o700
    (journal.folder / "key.pem").chmod(0o644)
    with pytest.raises(JournalUnusable, match="others can read"):
        written(journal, 1)


def test_a_changed_line_is_refused_and_the_others_are_not(journal: Journal) -> None:
    lines = written(journal, 4)
    lines[1] = lines[1].replace("line 2", "line x")
    put(journal, lines)
    assert told(journal) == ["whole", "its signature is wrong: it was changed after it was written", "loose", "whole"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first gone", ["loose", "loose", "loose"]),
        ("middle gone", ["whole", "loose", "loose"]),
        ("last gone", ["whole", "whole", "whole"]),  # which only the trail can tell, once it was taken in
        ("swapped", ["whole", "loose", "loose", "loose"]),
        ("doubled", ["whole", "loose", "loose", "loose", "loose"]),
    ],
)
def test_lines_taken_away_or_moved_are_seen(journal: Journal, name: str, expected: list[str]) -> None:
    one, two, three, four = written(journal, 4)
    changed = {
        "first gone": [two, three, four],
        "middle gone": [one, three, four],
        "last gone": [one, two, three],
        "swapped": [one, three, two, four],
        "doubled": [one, one, two, three, four],
    }
    put(journal, changed[name])
    assert told(journal) == expected


@pytest.mark.parametrize(
    "nonsense", ["", "{}", "[]", "null", "no json", '{"v":1}', "\udcff".encode("utf-8", "replace").decode()]
)
def test_nonsense_is_refused_by_its_place(journal: Journal, nonsense: str) -> None:
    one, two = written(journal, 2)
    put(journal, [one, nonsense, two])
    assert told(journal) == ["whole", "it is no whole line of a journal", "loose"]


def test_a_line_of_another_key_is_refused(journal: Journal, tmp_path: Path) -> None:
    lines, others = written(journal, 1), written(Journal(tmp_path / "other"), 2)
    put(journal, [*lines, others[1]])
    assert told(journal)[1] == "the public key that it names is not in the folder"
    forged = json.loads(others[1]) | {"key": json.loads(lines[0])["key"]}
    put(journal, [*lines, json.dumps(forged)])
    assert told(journal)[1].startswith("its signature is wrong")


def test_a_line_that_a_crash_cut_stays_and_the_next_stands_behind_it(journal: Journal) -> None:
    path = journal.folder / "journal.jsonl"
    written(journal, 2)
    path.write_bytes(path.read_bytes()[:-40])
    journal.write({"because": "after the crash"}, at=AT)
    assert told(journal) == ["whole", "it is no whole line of a journal", "whole"]


def test_the_public_key_alone_verifies_elsewhere(journal: Journal) -> None:
    written(journal, 2)
    (journal.folder / "key.pem").unlink()
    assert told(journal) == ["whole", "whole"]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from awe_incidents.recovery.journal import Journal
for number in range(20):
    Journal(Path(sys.argv[1])).write({"because": f"{sys.argv[2]} {number}"}, at=datetime.now(UTC))
print("django" in sys.modules)
"""


def test_programs_that_write_at_once_make_one_chain_without_django(journal: Journal) -> None:
    command = [sys.executable, "-c", WRITER, str(journal.folder)]
    writers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "abc"]
    assert [writer.communicate()[0].strip() for writer in writers] == ["False"] * 3
    assert told(journal) == ["whole"] * 60


def test_what_cannot_be_signed_is_refused_by_name(journal: Journal) -> None:
    with pytest.raises(JournalUnusable, match="cannot be written"):
        journal.write({"because": "caf\udce9"}, at=AT)
    written(journal, 1)
    assert told(journal) == ["whole"]

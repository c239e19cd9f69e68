"""The security log and the export for a SIEM: each entry once, in order, whatever ends the writer."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from awe_incidents.audit import ocsf_rows, security_log
from awe_incidents.audit.ocsf_rows import Chosen
from awe_incidents.audit.security_log import SecurityLog
from awe_incidents.audit.sequencer import sequence_entries
from diagnostics.models import Stack
from tests.audit import rows
from tests.audit.test_exporting import record

pytestmark = pytest.mark.django_db(transaction=True)
PLAIN = Chosen()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "security_audit.log"


@pytest.fixture
def driver(transactional_db: None) -> Iterator[psycopg.Connection]:
    with rows.connected() as connection:
        yield connection


def placed(driver: psycopg.Connection, stack: Stack, number: int) -> None:
    """Record so many entries, and let them have their places."""
    record(stack, number)
    while not sequence_entries(driver, looks_at_everything=True).is_last:
        pass


def follow(path: Path, driver: psycopg.Connection) -> None:
    with SecurityLog(path) as file:
        while file.follow(driver, PLAIN):
            pass


def sequences(*paths: Path) -> list[int]:
    return [json.loads(line)["metadata"]["sequence"] for path in paths for line in path.read_text().splitlines()]


def size_of(driver: psycopg.Connection) -> int:
    (size,) = driver.execute("SELECT size FROM audit_sequence").fetchone() or (0,)
    return int(size)


def test_each_entry_is_written_once_and_in_order(
    path: Path, driver: psycopg.Connection, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security_log, "ENTRIES_AT_ONCE", 3)
    placed(driver, stack, 7)
    follow(path, driver)
    placed(driver, stack, 2)
    follow(path, driver)
    follow(path, driver)
    assert sequences(path) == list(range(size_of(driver)))
    assert path.stat().st_mode & 0o777 == 0o640


def test_no_text_that_could_be_erased_is_written_where_nobody_asked(
    path: Path, driver: psycopg.Connection, stack: Stack
) -> None:
    placed(driver, stack, 1)
    follow(path, driver)
    assert "it was so" not in path.read_text()
    with SecurityLog(path.with_name("with")) as file:
        file.follow(driver, Chosen(with_texts=True))
    assert "it was so" in path.with_name("with").read_text()


def test_a_file_that_was_rotated_is_made_anew(path: Path, driver: psycopg.Connection, stack: Stack) -> None:
    placed(driver, stack, 2)
    with SecurityLog(path) as file:
        file.follow(driver, PLAIN)
        path.rename(path.with_name("rotated"))
        placed(driver, stack, 2)
        file.follow(driver, PLAIN)
    path.rename(path.with_name("rotated.2"))  # while nobody writes
    placed(driver, stack, 1)
    follow(path, driver)
    rotated = (path.with_name("rotated"), path.with_name("rotated.2"))
    assert sequences(*rotated, path) == list(range(size_of(driver)))
    assert all(one.stat().st_size for one in (*rotated, path))


def test_a_torn_line_is_written_again(path: Path, driver: psycopg.Connection, stack: Stack) -> None:
    placed(driver, stack, 3)
    follow(path, driver)
    whole = path.read_bytes()
    for cut in (1, 50, len(whole.splitlines(keepends=True)[-1]) - 1):
        path.write_bytes(whole[:-cut])
        path.with_name(f".{path.name}.position").write_text("1\n")  # it was not noted any more
        follow(path, driver)
        assert path.read_bytes() == whole


def test_a_crash_between_lines_and_note_repeats_nothing(
    path: Path, driver: psycopg.Connection, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(driver, stack, 3)

    def dies(*_: Any, **__: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(security_log, "write_durably", dies)
        with pytest.raises(OSError, match="no room"):
            follow(path, driver)
    follow(path, driver)
    assert sequences(path) == list(range(size_of(driver)))


def test_two_do_not_write_one_file(path: Path) -> None:
    with SecurityLog(path), pytest.raises(BlockingIOError):
        SecurityLog(path)


def test_an_entry_that_is_gone_or_broken_is_told_and_keeps_nobody_from_the_rest(
    path: Path, driver: psycopg.Connection, stack: Stack
) -> None:
    placed(driver, stack, 3)
    last = size_of(driver) - 1
    rows.tamper(
        f"UPDATE audit_entry SET body = 'x' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = {last - 1})",  # noqa: S608
        f"DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = {last})",  # noqa: S608
    )
    follow(path, driver)
    assert sequences(path) == list(range(last + 1))
    told = [json.loads(line) for line in path.read_text().splitlines()[-2:]]
    assert [one["finding_info"]["uid"] for one in told] == [f"entry-{last - 1}", f"entry-{last}"]


def test_the_program_goes_on_where_it_was_killed(path: Path, driver: psycopg.Connection, stack: Stack) -> None:
    env = {"DATABASE_URL": rows.url_of(rows.APPLICATION), "AWE_SECURITY_LOG": str(path), "AWE_ENV": "development"}
    for is_last in (False, False, True):
        placed(driver, stack, 20)
        with rows.start("-m", "awe_incidents.audit", "follow", env=env) as process:
            wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") >= size_of(driver) - 15)
            process.send_signal(signal.SIGTERM if is_last else signal.SIGKILL)
            process.communicate(timeout=20)
    assert process.returncode == 0
    assert sequences(path) == list(range(size_of(driver)))


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def exported(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[dict[str, Any]]:
    out = TextIOWrapper(BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    call_command("export_ocsf", *words)
    return [json.loads(line) for line in out.buffer.getvalue().splitlines()]


def test_an_export_has_all_of_it_or_what_was_chosen(
    driver: psycopg.Connection, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocsf_rows, "ENTRIES_AT_ONCE", 2)
    placed(driver, stack, 5)
    size = size_of(driver)
    everything = exported(monkeypatch)
    assert [one["metadata"]["sequence"] for one in everything] == list(range(size))
    assert everything[-1]["unmapped"]["texts"] == {"because": "it was so"}
    bare = exported(monkeypatch, "--without-texts", "--from", str(size - 2))
    assert [one["metadata"]["sequence"] for one in bare] == [size - 2, size - 1]
    assert bare[-1]["unmapped"]["texts"] == {}
    middle = everything[2]["metadata"]["original_time"]
    before, after = exported(monkeypatch, "--until", middle), exported(monkeypatch, "--since", middle)
    assert len(before) + len(after) == size
    assert max(one["metadata"]["original_time"] for one in before) < middle
    assert min(one["metadata"]["original_time"] for one in after) == middle


def test_a_file_that_was_begun_is_continued(path: Path, driver: psycopg.Connection, stack: Stack) -> None:
    placed(driver, stack, 2)
    call_command("export_ocsf", "--output", str(path))
    path.write_bytes(path.read_bytes()[:-20])  # it was broken off
    placed(driver, stack, 2)
    call_command("export_ocsf", "--output", str(path))
    assert sequences(path) == list(range(size_of(driver)))
    with pytest.raises(CommandError):
        call_command("export_ocsf", "--output", str(path.parent))

"""Sequencer and signer as real processes: killed -9 at every step, without their database, on a full disk."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import psycopg
import pytest

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.log_folder import published_vkeys
from awe_incidents.audit.log_rows import bodies, log_head
from awe_incidents.audit.note import Note
from awe_incidents.audit.processes import connect, run_signer
from awe_incidents.audit.sequencer import sequence_entries
from awe_incidents.audit.tile_files import TileReader
from tests.audit import dying, logs, rows

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAM = ("-m", "awe_incidents.audit")
WITHIN_SECONDS = 90.0
# Keys are made before the first signature only.
STEPS = [
    (step, has_signed) for step in dying.SIGN for has_signed in (False, True) if not (has_signed and "key" in step)
]


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


def sequencing() -> dict[str, str]:
    return rows.environment(rows.APPLICATION)


def signing(folder: Path) -> dict[str, str]:
    return rows.environment(rows.SIGNER, AWE_TRAIL_DIR=str(folder), AWE_TRAIL_ORIGIN=logs.ORIGIN)


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "it did not come"
        time.sleep(0.02)


def published_size(folder: Path) -> int:
    try:
        return Checkpoint.parse(Note.parse((folder / "log" / "checkpoint").read_bytes()).text).size
    except FileNotFoundError:
        return 0


def check_log(connection: psycopg.Connection, folder: Path, *, numbers: int) -> None:
    """Every entry is there once, was signed, and no checkpoint is smaller than one before it."""
    assert sorted(rows.numbers_in_order(connection)) == list(range(numbers))
    checkpoint = Checkpoint.parse(Note.parse((folder / "log" / "checkpoint").read_bytes()).text)
    assert (checkpoint.size, checkpoint.root) == (numbers, log_head(connection).root)
    reader = TileReader(folder / "log", checkpoint)
    assert list(reader.entries()) == list(bodies(connection, 0, numbers))
    sizes = [size for (size,) in connection.execute("SELECT size FROM audit_checkpoint ORDER BY id")]
    assert sizes == sorted(sizes)
    assert sizes[-1] == numbers


def add(connection: psycopg.Connection, *numbers: int) -> None:
    with connection.transaction():
        rows.insert(connection, *numbers)
    sequence_entries(connection)


def sign_here(folder: Path) -> None:
    """Sign what is there, in this process."""
    stopping = Event()
    signer = partial(connect, rows.url_of(rows.SIGNER), name="test")
    with ThreadPoolExecutor(1) as pool:
        signed = pool.submit(run_signer, signer, folder=folder, origin=logs.ORIGIN, passphrase="", stopping=stopping)
        until(lambda: published_size(folder) > 0 or signed.done())
        stopping.set()
        signed.result()


@pytest.mark.parametrize("step", dying.SEQUENCE)
def test_a_sequencer_that_was_killed_leaves_no_gap(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], step: str
) -> None:
    rows.insert(connection, *range(5))
    killed = running("-m", "tests.audit.dying", "sequence", step, env=sequencing())
    assert killed.wait(WITHIN_SECONDS) == -signal.SIGKILL
    rows.insert(connection, 5)
    again = running(*PROGRAM, "sequence", env=sequencing())
    until(lambda: log_head(connection).size == 6)
    again.terminate()
    assert again.wait(WITHIN_SECONDS) == 0
    assert sorted(rows.numbers_in_order(connection)) == list(range(6))


@pytest.mark.parametrize(("step", "has_signed"), STEPS)
def test_a_signer_that_was_killed_goes_on_where_it_was(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    step: str,
    has_signed: bool,
) -> None:
    numbers = 254 * has_signed  # the next ones fill a tile
    if has_signed:
        add(connection, *range(numbers))
        sign_here(folder)
    before = published_vkeys(folder)
    add(connection, *range(numbers, numbers + 5))
    killed = running("-m", "tests.audit.dying", "sign", step, env=signing(folder))
    assert killed.wait(WITHIN_SECONDS) == -signal.SIGKILL
    add(connection, numbers + 5)
    running(*PROGRAM, "sign", env=signing(folder))
    until(lambda: connection.execute("SELECT max(size) FROM audit_checkpoint").fetchone() == (numbers + 6,))
    check_log(connection, folder, numbers=numbers + 6)
    assert not has_signed or published_vkeys(folder) == before


def test_both_killed_again_and_again_while_entries_come(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    for turn in range(4):
        sequencer = running(*PROGRAM, "sequence", env=sequencing())
        signer = running(*PROGRAM, "sign", env=signing(folder))
        ends_at = time.monotonic() + 1 + turn * 0.13
        number = log_number(connection)
        while time.monotonic() < ends_at:
            rows.insert(connection, number)
            number += 1
            time.sleep(0.005)
        for process in (signer, sequencer):
            process.kill()
            process.wait(60)
    running(*PROGRAM, "sequence", env=sequencing())
    running(*PROGRAM, "sign", env=signing(folder))
    until(lambda: published_size(folder) == number)
    until(lambda: connection.execute("SELECT max(size) FROM audit_checkpoint").fetchone() == (number,))
    check_log(connection, folder, numbers=number)


def log_number(connection: psycopg.Connection) -> int:
    (number,) = connection.execute("SELECT count(*) FROM audit_entry").fetchone() or (0,)
    return int(number)


def test_connections_that_break_are_made_again(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    running(*PROGRAM, "sequence", env=sequencing())
    running(*PROGRAM, "sign", env=signing(folder))
    for number in range(3):
        rows.insert(connection, number)
        until(lambda wanted=number + 1: published_size(folder) == wanted)  # type: ignore[misc]
        with rows.connected(rows.SUPERUSER) as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name IN ('awe-sequencer', 'awe-signer')"
            )
    check_log(connection, folder, numbers=3)


@pytest.mark.parametrize(("statement", "code", "name"), [
    ("UPDATE audit_entry SET body = 'another' WHERE id = (SELECT max(entry_id) FROM audit_leaf)", 13, "HeadForks"),
    ("DELETE FROM audit_leaf WHERE index > 0; UPDATE audit_sequence SET size = 1", 12, "HeadShrinks"),
])  # fmt: skip
def test_a_refusal_ends_the_signer_with_its_name_and_code(
    connection: psycopg.Connection,
    running: Callable[..., subprocess.Popen[str]],
    folder: Path,
    statement: str,
    code: int,
    name: str,
) -> None:
    rows.insert(connection, 0, 1)
    sequencer = running(*PROGRAM, "sequence", env=sequencing())
    first = running(*PROGRAM, "sign", env=signing(folder))
    until(lambda: published_size(folder) == 2)
    first.terminate()
    first.wait(60)
    rows.insert(connection, 2)
    until(lambda: log_head(connection).size == 3)
    sequencer.terminate()
    sequencer.wait(60)
    rows.tamper(*statement.split("; "))
    refused = running(*PROGRAM, "sign", env=signing(folder))
    output, _ = refused.communicate(timeout=WITHIN_SECONDS)
    assert refused.returncode == code, output
    assert name in output
    assert published_size(folder) == 2


def test_a_running_signer_finds_what_was_rewritten_after_it_was_signed(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    add(connection, *range(300))
    signer = running(*PROGRAM, "sign", env=signing(folder))
    until(lambda: published_size(folder) == 300)
    rows.tamper("UPDATE audit_entry SET body = 'another' WHERE id = (SELECT max(entry_id) FROM audit_leaf)")
    output, _ = signer.communicate(timeout=WITHIN_SECONDS)
    assert (signer.returncode, "entry 299 is not the one that was signed" in output) == (13, True)


def test_a_second_signer_of_a_folder_is_refused(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    running(*PROGRAM, "sign", env=signing(folder))
    until(lambda: (folder / "log" / "vkeys").exists())
    second = running(*PROGRAM, "sign", env=signing(folder))
    output, _ = second.communicate(timeout=WITHIN_SECONDS)
    assert (second.returncode, "SignerRuns" in output) == (1, True)


@pytest.mark.as_root
def test_a_full_disk_is_waited_for(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    try:
        running(*PROGRAM, "sequence", env=sequencing())
        signer = running(*PROGRAM, "sign", env=signing(folder))
        rows.insert(connection, 0)
        until(lambda: published_size(folder) == 1)
        filler = folder / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(300_000))
        rows.insert(connection, *range(1, 100))
        until(lambda: log_head(connection).size == 100)
        time.sleep(1)
        assert signer.poll() is None
        assert published_size(folder) == 1
        filler.unlink()
        until(lambda: published_size(folder) == 100)
        check_log(connection, folder, numbers=100)
        signer.kill()
        signer.wait(60)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_the_commands_of_the_service_do_the_same(
    connection: psycopg.Connection, running: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    rows.insert(connection, 0)
    sequencer = running("manage.py", "sequence_trail", env=sequencing())
    signer = running("manage.py", "sign_trail", env=signing(folder))
    until(lambda: published_size(folder) == 1)
    printed = rows.start("manage.py", "trail_key", env=signing(folder)).communicate(timeout=WITHIN_SECONDS)[0].split()
    assert printed == published_vkeys(folder)
    for process in (sequencer, signer):
        process.terminate()
        assert process.wait(WITHIN_SECONDS) == 0

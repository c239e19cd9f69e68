"""PostgreSQL restarted and disks full under 16 writers: no gap, nothing lost, never a smaller checkpoint."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.log_rows import bodies, log_head
from awe_incidents.audit.note import Note
from awe_incidents.audit.tile_files import TileReader
from awe_incidents.local.roles import LOGINS
from tests.audit import rows
from tests.audit.own_server import FAST, IMMEDIATE, OwnServer, Writers, limit_files, trail_running
from tests.audit.test_processes import published_size, until

PASSWORDS = {name: secrets.token_urlsafe(24) for name in LOGINS}


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Give a folder that the server's account reaches, and that is removed."""
    with tempfile.TemporaryDirectory(prefix="awe-crash-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="module")
def pristine() -> Iterator[Path]:
    """The data of a server with an empty, migrated database, to be copied."""
    with reachable_folder() as folder:
        OwnServer.make(folder, PASSWORDS).stop(FAST)
        yield folder / "postgres"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the test's own."""
    with reachable_folder() as folder:
        yield folder


@contextlib.contextmanager
def serving(pristine: Path, place: Path, home: Path) -> Iterator[OwnServer]:
    """Let a copy of the server run."""
    subprocess.run(["cp", "-a", str(pristine), str(home)], check=True)
    server = OwnServer(place, home, PASSWORDS)
    try:
        yield server
    finally:
        server.stop(IMMEDIATE)


@pytest.fixture
def server(pristine: Path, place: Path) -> Iterator[OwnServer]:
    """A server of the test's own."""
    with serving(pristine, place, place / "postgres") as server:
        yield server


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """Note every size that is published."""
    seen, stopping = [0], threading.Event()

    def watch() -> None:
        while not stopping.wait(0.005):
            if (size := published_size(folder)) != seen[-1]:
                seen.append(size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join()


def check_caught_up(server: OwnServer, folder: Path, writers: Writers, seen: list[int]) -> None:
    """All that was committed has one place and is signed; nothing that was signed was ever taken back."""
    with server.connect() as connection:
        (number,) = connection.execute("SELECT count(*) FROM audit_entry").fetchone() or (0,)
        until(lambda: published_size(folder) == number)
        until(lambda: connection.execute("SELECT max(size) FROM audit_checkpoint").fetchone() == (number,))
        placed = rows.numbers_in_order(connection)
        assert len(placed) == len(set(placed)) == number
        assert set(writers.committed) <= set(placed)
        assert len(set(placed) - set(writers.committed)) <= 16, "the last answers that were lost"
        checkpoint = Checkpoint.parse(Note.parse((folder / "log" / "checkpoint").read_bytes()).text)
        assert (checkpoint.size, checkpoint.root) == (number, log_head(connection).root)
        assert list(TileReader(folder / "log", checkpoint).entries()) == list(bodies(connection, 0, number))
        inserted = [size for (size,) in connection.execute("SELECT size FROM audit_checkpoint ORDER BY id")]
    assert inserted == sorted(inserted)
    assert seen == sorted(seen)


def signed_again(folder: Path, writers: Writers) -> None:
    """Wait until more entries are committed, and more of them are signed."""
    size = published_size(folder)
    writers.wait_for(150)
    until(lambda: published_size(folder) > size)


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_postgresql_restarted_under_sixteen_writers(server: OwnServer, place: Path, how: signal.Signals) -> None:
    folder, writers = place / "trail", Writers(server)
    with trail_running(server, folder), watched(folder) as seen:
        with writers.at_work():
            for _ in range(3):
                signed_again(folder, writers)
                server.restart(how)
            signed_again(folder, writers)
        check_caught_up(server, folder, writers, seen)
    assert writers.failures > 0


def test_a_disk_that_takes_nothing_more_of_postgresql(server: OwnServer, place: Path) -> None:
    """It cannot write its own log and ends, now or at its next start; it is started anew when there is room."""
    folder, writers = place / "trail", Writers(server)
    with trail_running(server, folder), watched(folder) as seen:
        with writers.at_work():
            writers.wait_for(150)
            server.allow_bytes(65_536)
            writers.wait_for_failures(50)
            there = len(writers.committed)
            writers.wait_for_failures(50)
            assert len(writers.committed) == there
            server.restart(IMMEDIATE)
            writers.wait_for(150)
        check_caught_up(server, folder, writers, seen)


@pytest.mark.as_root
def test_a_full_disk_below_postgresql(pristine: Path, place: Path) -> None:
    disk, folder = place / "disk", place / "trail"
    with mounted(disk, megabytes=160), serving(pristine, place, disk / "postgres") as server:
        writers = Writers(server)
        with trail_running(server, folder), watched(folder) as seen:
            with writers.at_work():
                writers.wait_for(150)
                filled = fill(disk)
                writers.wait_for_failures(50)
                filled.unlink()
                if not server.is_running:
                    server.restart(IMMEDIATE)
                writers.wait_for(150)
            check_caught_up(server, folder, writers, seen)


def test_a_disk_that_takes_nothing_more_of_the_signer(server: OwnServer, place: Path) -> None:
    folder, writers = place / "trail", Writers(server)
    with trail_running(server, folder) as programs, watched(folder) as seen:
        with writers.at_work():
            until(lambda: published_size(folder) > 0)
            limit_files(programs["sign"].pid, 0)
            time.sleep(0.5)  # what was begun may come to its end
            size = published_size(folder)
            writers.wait_for(150)
            time.sleep(1)
            assert published_size(folder) == size
            limit_files(programs["sign"].pid, -1)
            writers.wait_for(150)
        check_caught_up(server, folder, writers, seen)
    assert writers.failures == 0, "who writes does not wait for the signer"


@contextlib.contextmanager
def mounted(folder: Path, *, megabytes: int) -> Iterator[None]:
    """Give a small file system of its own."""
    folder.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until there is no room any more."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler

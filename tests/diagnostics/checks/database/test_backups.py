"""DB-10: dumps that pg_dump really wrote, damaged in the ways that happen."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Backups
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import Server
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "database.backups"
HOUR = 3600.0


@pytest.fixture(scope="module")
def dumps(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same database in every format of pg_dump."""
    folder = tmp_path_factory.mktemp("dumps")
    url = server.cluster.superuser_url(server.dbname)
    with server.client() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS lines AS SELECT md5(n::text) AS line FROM generate_series(1, 9000) n"
        )
        connection.execute("SELECT lo_from_bytea(0, 'a large object')")
    for name, options in {
        "custom": ["-Fc"],
        "tar": ["-Ft"],
        "plain": ["-Fp"],
        "directory": ["-Fd"],
        "schema": ["-Fc", "--schema-only"],
        "other": ["-Fc", "--dbname", server.cluster.superuser_url("postgres")],
    }.items():
        address = [] if "--dbname" in options else ["--dbname", url]
        argv = [str(server.cluster.binaries / "pg_dump"), *options, *address, "--file", str(folder / name)]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)
    piped = [str(server.cluster.binaries / "pg_dump"), "-Fc", "--dbname", url]
    with subprocess.Popen(piped, stdout=subprocess.PIPE) as process:
        (folder / "piped").write_bytes(process.communicate(timeout=60)[0])
    with server.client() as connection:
        connection.execute("DROP TABLE lines")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "backups"
    place.mkdir()
    return place


def look(server: Server, folder: Path, *, baseline: Baseline | None = None, **plan: object) -> Result:
    backups = Backups(directory=folder, **plan)  # type: ignore[arg-type]
    return looks.look(SLUG, server.stack(backups=backups), baseline=baseline or Baseline())


def put(dumps: Path, folder: Path, *, kind: str = "custom", hours: float = 1.0, name: str = "ledger.dump") -> Path:
    path = folder / name
    if (dumps / kind).is_dir():
        shutil.copytree(dumps / kind, path)
    else:
        path.write_bytes((dumps / kind).read_bytes())
    age(path, hours)
    return path


def age(path: Path, hours: float) -> None:
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))


def test_a_recent_whole_dump_passes_with_its_contents_as_evidence(server: Server, dumps: Path, folder: Path) -> None:
    put(dumps, folder, hours=30, name="yesterday.dump")
    put(dumps, folder, hours=3, name="today.dump")
    result = look(server, folder)
    assert (result.state, looks.codes(result)) == (State.PASS, {"backup.sound"})
    assert result.leading.message.startswith("books: today.dump is 3.0 h old")
    assert "2 tables with data" in result.leading.message
    assert result.evidence[0].content.splitlines()[0].endswith("today.dump")
    assert "TABLE DATA public entries" in result.evidence[1].content
    shows(HEALTHY, result)


@pytest.mark.parametrize("kind", ["custom", "tar", "plain", "directory", "piped"])
def test_every_format_is_read(server: Server, dumps: Path, folder: Path, kind: str) -> None:
    put(dumps, folder, kind=kind)
    result = look(server, folder)
    assert result.state is State.PASS, result.leading
    assert f"a whole {'custom' if kind == 'piped' else kind} dump" in result.leading.message


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("kind", ["plain", "custom", "tar"])
def test_a_compressed_dump_is_read_to_its_end(
    server: Server, dumps: Path, folder: Path, kind: str, compress: Callable[[bytes], bytes]
) -> None:
    data = compress((dumps / kind).read_bytes())
    (folder / "ledger.gz").write_bytes(data)
    result = look(server, folder)
    assert result.state is State.PASS, result.leading.message
    (folder / "ledger.gz").write_bytes(data[:-100])
    assert look(server, folder).leading.code in {"backup.truncated", "backup.damaged"}


def test_no_backup_at_all_fails(server: Server, folder: Path) -> None:
    (folder / "latest.sha256").write_text("only its checksum is left")
    result = look(server, folder, pattern="*.dump")
    assert (result.state, result.leading.code) == (State.FAIL, "backup.missing")
    shows(fault("backup missing"), result)


def test_no_folder_of_backups_fails(server: Server, folder: Path) -> None:
    result = look(server, folder / "not-mounted")
    assert (result.state, result.leading.code) == (State.FAIL, "backup.folder_missing")
    shows(fault("folder of backups missing"), result)


@pytest.mark.parametrize(
    ("hours", "every", "state", "source"),
    [
        (25, 24, State.PASS, ""),
        (27, 24, State.WARN, "1 x 24 h"),
        (51, 24, State.FAIL, "2 x 24 h"),
        (51, 168, State.PASS, ""),
    ],
)
def test_an_old_backup_warns_then_fails_by_its_schedule(
    server: Server, dumps: Path, folder: Path, hours: float, every: float, state: State, source: str
) -> None:
    put(dumps, folder, hours=hours)
    result = look(server, folder, every_hours=every)
    assert result.state is state
    if source:
        assert result.leading.code == "backup.old"
        assert result.leading.threshold is not None
        assert source in result.leading.threshold.reference
        shows(fault(f"backup {hours:g} h old"), result)


def test_a_young_copy_of_an_old_dump_is_old(server: Server, dumps: Path, folder: Path) -> None:
    path = put(dumps, folder)
    data = bytearray(path.read_bytes())
    at = data.index(b"PGDMP") + 12 + 5 * 5  # five numbers after the head: the year
    assert int.from_bytes(data[at + 1 : at + 5], "little") + 1900 == time.localtime().tm_year
    data[at + 1] -= 1
    path.write_bytes(data)
    result = look(server, folder)
    assert (result.state, result.leading.code) == (State.FAIL, "backup.old")
    assert "by the time in its head" in result.leading.message


def test_a_backup_from_the_future_warns(server: Server, dumps: Path, folder: Path) -> None:
    put(dumps, folder, hours=-30)
    assert look(server, folder).leading.code == "backup.in_future"


@pytest.mark.parametrize("kind", ["custom", "piped", "tar", "plain", "directory"])
def test_a_truncated_dump_fails_wherever_it_ends(server: Server, dumps: Path, folder: Path, kind: str) -> None:
    path = put(dumps, folder, kind=kind)
    if kind == "directory":
        next(one for one in path.iterdir() if one.name.endswith(".dat.gz")).unlink()
        result = look(server, folder)
        assert result.leading.code == "backup.truncated"
        return
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.99):
        path.write_bytes(data[: int(len(data) * share)])
        result = look(server, folder)
        assert (result.state, result.leading.code) == (State.FAIL, "backup.truncated"), share
    shows(fault("backup cut off"), result)


def test_pg_restore_takes_a_cut_off_dump_for_sound(server: Server, dumps: Path, folder: Path) -> None:
    """Why its data are followed to their end, too."""
    path = put(dumps, folder)
    path.write_bytes(path.read_bytes()[:-2000])
    argv = [str(server.cluster.binaries / "pg_restore"), "--list", str(path)]
    assert subprocess.run(argv, check=False, capture_output=True, timeout=20).returncode == 0
    assert look(server, folder).leading.code == "backup.truncated"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "backup.empty", "backup of zero bytes"),
        (b"<html>502 Bad Gateway</html>" * 50, "backup.not_a_dump", "backup is no dump"),
        (b"pg_dump: error: connection refused\n", "backup.not_a_dump", ""),
        (b"PGDMP\x01\x10\x00\x04\x08\x01\x01" + b"\xff" * 500, "backup.damaged", "backup damaged"),
        (b"PGDMP\x01\x10\x00\x04\x08\x09\x01" + b"\0" * 500, "backup.damaged", ""),
        (b"PGDMP\x63\x10\x00\x04\x08\x01\x01" + b"\0" * 500, "backup.damaged", ""),
        (b"PGDMP", "backup.truncated", ""),
        (b"\x1f\x8b" + b"garbage" * 100, "backup.damaged", ""),
    ],
)
def test_what_is_no_dump_fails(server: Server, folder: Path, content: bytes, code: str, words: str) -> None:
    (folder / "latest.sql").write_bytes(content)
    result = look(server, folder)
    assert (result.state, result.leading.code) == (State.FAIL, code), result.leading.message
    if words:
        shows(fault(words), result)


def test_a_dump_with_every_byte_changed_once_is_never_a_crash(server: Server, dumps: Path, folder: Path) -> None:
    path = put(dumps, folder)
    data = path.read_bytes()
    for at in range(0, 3000, 37):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        assert look(server, folder).leading.code != "check.failed"


def test_half_of_the_usual_size_warns(server: Server, dumps: Path, folder: Path) -> None:
    newest = put(dumps, folder, kind="schema", name="today.dump")
    for day in (1, 2, 3):
        older = put(dumps, folder, hours=24 * day, name=f"{day}.dump")
        older.write_bytes(older.read_bytes() + b"x" * 3 * newest.stat().st_size)
        age(older, 24 * day)
    result = look(server, folder)
    assert looks.found(result, "backup.small").state is State.WARN
    assert "of the usual" in looks.found(result, "backup.small").message
    shows(fault("backup half as large as usual"), result)


def test_the_usual_size_is_also_known_where_only_one_file_is_kept(server: Server, dumps: Path, folder: Path) -> None:
    size = put(dumps, folder).stat().st_size
    baseline = Baseline({"size books": [3.0 * size] * 5})
    assert look(server, folder, baseline=baseline).leading.code == "backup.small"
    assert look(server, folder).state is State.PASS


def test_a_dump_without_data_or_of_another_database_warns(server: Server, dumps: Path, folder: Path) -> None:
    put(dumps, folder, kind="schema")
    assert "backup.without_data" in looks.codes(look(server, folder))
    put(dumps, folder, kind="other")
    assert "backup.other_database" in looks.codes(look(server, folder))


def test_what_is_encrypted_is_judged_by_age_and_size(server: Server, folder: Path) -> None:
    (folder / "ledger.age").write_bytes(b"age-encryption.org/v1\n" + b"\x80" * 5000)
    sealed, opaque = look(server, folder), look(server, folder, format="opaque")
    assert (sealed.state, sealed.leading.code) == (State.WARN, "backup.sealed")
    assert (opaque.state, opaque.leading.code) == (State.PASS, "backup.sound")


def test_a_backup_that_may_not_be_read_is_an_error_and_not_a_fail(server: Server, dumps: Path) -> None:
    with open_folder() as folder:
        put(dumps, folder).chmod(0)
        with without_rights():
            result = look(server, folder)
    assert (result.state, result.leading.code) == (State.ERROR, "not_permitted")


def test_a_destination_without_room_for_the_next_warns(server: Server, folder: Path) -> None:
    """The newest is larger than what is left: a sparse file, which takes no room itself."""
    room = os.statvfs(folder)
    with (folder / "ledger.age").open("wb") as file:
        file.truncate(room.f_bavail * room.f_frsize + 10**12)
    result = look(server, folder, format="opaque")
    assert (result.state, result.leading.code) == (State.WARN, "backup.no_room")
    shows(fault("destination full"), result)


def test_a_pipe_in_place_of_the_backup_keeps_nobody_waiting(server: Server, folder: Path) -> None:
    os.mkfifo(folder / "latest.sql")
    began = time.monotonic()
    result = look(server, folder)
    assert (result.state, result.leading.code) == (State.FAIL, "backup.not_regular")
    assert time.monotonic() - began < 1
    shows(HANGING, result)


def test_a_second_name_of_the_newest_and_a_link_to_nowhere_do_not_count(
    server: Server, dumps: Path, folder: Path
) -> None:
    path = put(dumps, folder)
    (folder / "latest").symlink_to(path)
    (folder / "gone").symlink_to(folder / "not-there")
    result = look(server, folder)
    assert result.state is State.PASS
    assert len(result.evidence[0].content.splitlines()) == 1

"""The embedded cluster: scram only, side by side, and its data after it was killed."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from awe_incidents.local import postgres
from awe_incidents.local.accounts import can_enter, server_account
from awe_incidents.local.errors import AccountUnknown, ServerFailed
from awe_incidents.local.ports import take_port
from awe_incidents.local.postgres import PostgresCluster
from tests.local.conftest import Supervised, copy_cluster, wait_for


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_refused(cluster: PostgresCluster, password: str) -> None:
    for host in ("127.0.0.1", str(cluster.socket_folder)):
        with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
            psycopg.connect(host=host, port=cluster.port, user="postgres", password=password, dbname="postgres")


def test_every_access_rule_demands_scram(cluster: PostgresCluster) -> None:
    with cluster.connect() as connection:
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        verifiers = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL").fetchall()
    assert rules == [("scram-sha-256",)]
    assert verifiers
    assert all(verifier.startswith("SCRAM-SHA-256$") for (verifier,) in verifiers)


def test_it_listens_on_loopback_only_and_its_socket_folder_is_private(cluster: PostgresCluster) -> None:
    with cluster.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    assert cluster.socket_folder.stat().st_mode & 0o777 == 0o700
    assert (cluster.home / "superuser.password").stat().st_mode & 0o777 == 0o600
    assert cluster.home.stat().st_mode & 0o777 == 0o700


def test_checksums_are_on_and_the_locale_is_the_same_everywhere(cluster: PostgresCluster) -> None:
    with cluster.connect() as connection:
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT lower('ÄÖÜ'), 'Z' < 'a'").fetchone() == ("äöü", True)


def test_extensions_that_later_checks_read_are_there(cluster: PostgresCluster) -> None:
    with cluster.connect() as connection:
        names = "SELECT name FROM pg_available_extensions WHERE name IN ('amcheck', 'pg_stat_statements') ORDER BY name"
        assert connection.execute(names).fetchall() == [("amcheck",), ("pg_stat_statements",)]


def test_the_superuser_password_is_not_in_any_command_line_or_repr(cluster: PostgresCluster) -> None:
    password = (cluster.home / "superuser.password").read_text()
    assert password not in " ".join(cluster.program().argv)
    assert password not in repr(cluster) + repr(cluster.program())


def test_two_clusters_run_side_by_side(cluster: PostgresCluster, spare: PostgresCluster) -> None:
    running = spare.alone().start()
    try:
        identifier = "SELECT system_identifier FROM pg_control_system()"
        with cluster.connect() as first, spare.connect() as second:
            assert first.execute(identifier).fetchone() != second.execute(identifier).fetchone()
    finally:
        running.stop()
    assert not spare.is_ready()
    assert cluster.is_ready()


def test_a_path_too_long_for_a_socket_is_worked_around(folder: Path, template: Path) -> None:
    deep = folder / ("d" * 60) / 'with space, comma, "quotes" and ümlaut'
    deep.mkdir(parents=True)
    for place in (deep.parent, deep):
        place.chmod(0o711)
    copy_cluster(template, deep)
    server = PostgresCluster.at(deep / "postgres", port=take_port(folder / "ports.json", "postgres"))
    running = server.alone(log=folder / "log").start()
    try:
        assert deep not in server.socket_folder.parents
        password = (server.home / "superuser.password").read_text()
        address = make_conninfo(host=str(server.socket_folder), port=server.port, user="postgres", dbname="postgres")
        with psycopg.connect(address, password=password) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        running.stop()
    assert not server.socket_folder.exists()


def test_a_path_with_odd_characters_is_taken_as_it_is(folder: Path, template: Path) -> None:
    odd = folder / "a b, c'ü"
    odd.mkdir()
    odd.chmod(0o711)
    copy_cluster(template, odd)
    server = PostgresCluster.at(odd / "postgres", port=take_port(folder / "ports.json", "postgres"))
    running = server.alone().start()
    try:
        assert (server.home / "run" / f".s.PGSQL.{server.port}").exists()
    finally:
        running.stop()


def test_an_initdb_cut_short_is_done_again(folder: Path) -> None:
    server = PostgresCluster.at(folder / "postgres", port=take_port(folder / "ports.json", "postgres"))
    (server.home / "data.new").mkdir()
    (server.home / "data.new" / "rubbish").write_text("half")
    running = server.alone().start()
    running.stop()
    assert not (server.home / "data.new").exists()
    assert (server.data / "PG_VERSION").is_file()


def test_a_stale_pid_file_with_the_number_of_another_program_is_no_obstacle(spare: PostgresCluster) -> None:
    spare.alone().start().stop()
    account = server_account()
    with subprocess.Popen(["/bin/sleep", "60"], user=account.user_id if account else None) as stranger:
        (spare.data / "postmaster.pid").write_text(f"{stranger.pid}\n{spare.data}\n1\n{spare.port}\n\n\n\n")
        spare.alone().start().stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_was_left_running_is_ended_before_a_new_start(spare: PostgresCluster) -> None:
    left = spare.alone().start()
    running = spare.alone().start()
    try:
        assert running.pid != left.pid
        assert spare.is_ready()
    finally:
        running.stop()
        left.stop()


def test_a_busy_port_is_said_with_the_servers_own_words(spare: PostgresCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        server = dataclasses.replace(spare, port=busy.getsockname()[1])
        with pytest.raises(ServerFailed, match=r"postgres ended with 1: .*could not create any TCP/IP sockets"):
            server.alone().start()


def test_a_user_without_a_name_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(AccountUnknown, match=r"54321 has no line in /etc/passwd.*DATABASE_URL"):
        server_account()


def test_acknowledged_rows_survive_a_killed_server(supervise: Callable[..., Supervised], folder: Path) -> None:
    """A ledger on the client's side, synced before the next insert, holds every row whose commit came back."""
    supervised = supervise("servers").wait_ready()
    server = PostgresCluster.at(folder / "postgres", port=postgres_port(folder))
    with server.connect() as connection:
        connection.execute("CREATE TABLE entry (writer int, number int, PRIMARY KEY (writer, number))")
    killed = supervised.pid("postgres")
    ledgers = [folder / f"ledger-{writer}" for writer in range(3)]
    writers = [threading.Thread(target=insert, args=(server, number, path)) for number, path in enumerate(ledgers)]
    for thread in writers:
        thread.start()
    wait_for(lambda: all(path.exists() and path.read_text().count("\n") > 50 for path in ledgers))
    os.kill(killed, signal.SIGKILL)
    for thread in writers:
        thread.join(20)
    wait_for(lambda: supervised.is_ready("postgres", other_than=killed))
    with server.connect() as connection:
        stored = set(connection.execute("SELECT writer, number FROM entry").fetchall())
    acknowledged = {(writer, int(number)) for writer, path in enumerate(ledgers) for number in path.read_text().split()}
    assert len(acknowledged) > 150
    assert acknowledged <= stored


def insert(server: PostgresCluster, writer: int, ledger: Path) -> None:
    """Insert until the server is gone, and note each number after its commit."""
    try:
        with server.connect() as connection, ledger.open("a") as file:
            for number in range(100_000):
                connection.execute("INSERT INTO entry VALUES (%s, %s)", [writer, number])
                file.write(f"{number}\n")
                file.flush()
                os.fsync(file.fileno())
    except psycopg.OperationalError:
        return


def postgres_port(folder: Path) -> int:
    ports = re.findall(r'"postgres": (\d+)', (folder / "ports.json").read_text())
    return int(ports[0])


@pytest.mark.as_root
def test_everything_works_for_an_ordinary_user_too(
    supervise: Callable[..., Supervised], folder: Path, unprivileged_python: tuple[tuple[str, ...], dict[str, object]]
) -> None:
    account = server_account()
    assert account is not None
    argv, options = unprivileged_python
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, account.user_id, account.group_id)
    supervised = supervise("servers", home, argv=argv, **options).wait_ready()
    assert supervised.descendants()
    assert {child.uids().real for child in supervised.descendants()} == {account.user_id}
    killed = supervised.pid("postgres")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: supervised.is_ready("postgres", other_than=killed))
    assert supervised.end(signal.SIGINT) == 0


@pytest.mark.as_root
def test_root_never_runs_a_server_as_root(cluster: PostgresCluster) -> None:
    pid = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    status = Path(f"/proc/{pid}/status").read_text()
    account = server_account()
    assert account is not None
    assert re.search(rf"^Uid:(\s+{account.user_id}){{4}}$", status, re.MULTILINE)
    assert re.search(r"^Groups:\s*$", status, re.MULTILINE)


def test_a_folder_can_be_entered_or_not(folder: Path) -> None:
    account = server_account()
    assert can_enter(folder, account)
    assert not can_enter(folder / "missing", account)
    assert postgres.SUPERUSER == "postgres"

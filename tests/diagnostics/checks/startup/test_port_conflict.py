from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.probes import host
from diagnostics.stack import Service
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "startup.port_conflict"
# Binds, says its port, and waits; with `fork` its child keeps the socket and the parent closes it.
PROGRAM = """
import os, socket, sys
host, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if host == "::":
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
listener.bind((host, port)); listener.listen()
if how == "fork" and os.fork():
    listener.close()
    sys.stdin.read(); os._exit(0)
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def listener(address: str = "127.0.0.1", port: int = 0, *, how: str = "plain") -> Iterator[tuple[int, int]]:
    """Give pid and port of a process that listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, address, str(port), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.communicate()


def looked(folder: Path, *listens: tuple[str, int], pid: int | None = None, pid_file: bool = True) -> Result:
    path = folder / "till.pid"
    if pid is not None:
        path.write_text(f"{pid}\n")
    till = Service(name="till", role="api", pid_file=path if pid_file else None, listens=listens)
    return look(SLUG, stack(folder, services={"till": till}))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.mark.parametrize("how", ["plain", "fork"])
def test_the_service_itself_or_its_child_owns_the_port(how: str, tmp_path: Path) -> None:
    with listener(how=how) as (pid, port):
        result = looked(tmp_path, ("127.0.0.1", port), ("localhost", port), pid=pid)
    assert codes(result) == {"port.owned"}
    shows(HEALTHY, result)
    assert result.findings[0].measured["own_pid"].value == pid


def test_an_address_for_all_is_owned_for_each(tmp_path: Path) -> None:
    with listener("0.0.0.0") as (pid, port):
        assert codes(looked(tmp_path, ("127.0.0.1", port), ("0.0.0.0", port), pid=pid)) == {"port.owned"}


def test_a_port_that_somebody_else_took_names_who(tmp_path: Path) -> None:
    with listener() as (pid, port), listener() as (own, _):
        result = looked(tmp_path, ("127.0.0.1", port), pid=own)
    shows(fault("another process holds the port"), result)
    finding = found(result, "port.taken")
    assert finding.state is State.FAIL
    assert finding.target == f"127.0.0.1:{port}"
    assert f"process {pid} (python" in finding.message
    assert finding.measured["holder_pid"].value == pid


@pytest.mark.parametrize("pid", [None, 2**22 - 3])
def test_a_taken_port_keeps_the_service_from_starting(pid: int | None, tmp_path: Path) -> None:
    with listener() as (_, port):
        message = found(looked(tmp_path, ("127.0.0.1", port), pid=pid), "port.taken").message
    assert ("does not exist" if pid is None else "does not run") in message


def test_a_port_taken_at_every_address_is_taken(tmp_path: Path) -> None:
    with listener("0.0.0.0") as (_, port):
        assert codes(looked(tmp_path, ("127.0.0.1", port))) == {"port.taken"}


def test_nobody_listening_is_said_of_each_address(tmp_path: Path) -> None:
    with listener() as (pid, owned):
        result = looked(tmp_path, ("127.0.0.1", owned), ("127.0.0.1", free_port()), pid=pid)
    assert [one.code for one in result.findings] == ["port.owned", "port.nobody_listens"]
    shows(fault("nobody listens"), result)
    assert result.state is State.FAIL


def test_a_service_that_hangs_still_owns_its_port(tmp_path: Path) -> None:
    with listener() as (pid, port):
        os.kill(pid, signal.SIGSTOP)
        try:
            result = looked(tmp_path, ("127.0.0.1", port), pid=pid)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert codes(result) == {"port.owned"}
    shows(HANGING, result)


def test_another_address_than_declared_is_named(tmp_path: Path) -> None:
    with listener("127.0.0.1") as (pid, port):
        finding = found(looked(tmp_path, ("127.0.0.2", port), pid=pid), "port.other_address")
    assert f"127.0.0.1:{port}" in finding.message


def test_a_shared_port_names_the_other(tmp_path: Path) -> None:
    with listener() as (pid, port), listener(port=port) as (other, _):
        finding = found(looked(tmp_path, ("127.0.0.1", port), pid=pid), "port.shared")
    assert f"process {other} " in finding.message


def test_a_socket_of_the_other_family_is_no_rival(tmp_path: Path) -> None:
    with listener() as (pid, port), listener("::", port):
        assert codes(looked(tmp_path, ("127.0.0.1", port), pid=pid)) == {"port.owned"}


def test_a_socket_that_a_supervisor_handed_down_is_the_service_s_own(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as handed:
        port = handed.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            pass_fds=[handed.fileno()],
        )
        result = looked(tmp_path, ("127.0.0.1", port), pid=process.pid)
        process.communicate()
    assert codes(result) == {"port.owned"}


def test_without_a_pid_file_the_owner_is_not_guessed(tmp_path: Path) -> None:
    with listener() as (_, port):
        result = looked(tmp_path, ("127.0.0.1", port), ("127.0.0.1", free_port()), pid_file=False)
    assert [one.code for one in result.findings] == ["port.owner_unknown", "port.nobody_listens"]
    assert result.findings[0].state is State.SKIP


def test_a_service_that_may_not_be_seen_is_an_error(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        with socket.create_server(("127.0.0.1", 0)) as mine:
            result = looked(tmp_path, ("127.0.0.1", mine.getsockname()[1]), pid=1)
        assert codes(result) == {"port.taken"}  # held by us, who are not process 1
        return
    with listener() as (pid, port), open_folder() as folder:
        (folder / "till.pid").write_text(f"{pid}\n")
        with without_rights():
            result = looked(folder, ("127.0.0.1", port))
    assert found(result, "not_permitted").state is State.ERROR


def test_a_name_that_cannot_be_resolved_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert found(looked(tmp_path, ("till.test", 80)), "dns").state is State.ERROR


def test_containers_and_silent_stacks_are_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


def test_it_is_quick_on_a_busy_host(tmp_path: Path) -> None:
    began = time.monotonic()
    host.all_listeners()
    assert time.monotonic() - began < 3

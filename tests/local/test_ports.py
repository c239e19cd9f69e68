"""Ports: free, remembered, different between names and checkouts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_incidents.local import ports
from awe_incidents.local.errors import PortTaken
from awe_incidents.local.ports import is_free, read_ports, take_port


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_stays_the_same_across_restarts(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    assert take_port(file, "postgres") == take_port(file, "postgres")
    assert file.stat().st_mode & 0o777 == 0o600


def test_names_and_checkouts_get_different_ports(tmp_path: Path) -> None:
    taken = [take_port(tmp_path / f"{checkout}.json", name) for checkout in "ab" for name in ("postgres", "valkey")]
    assert len(set(taken)) == 4
    assert all(ports.FIRST_PORT <= port < ports.LAST_PORT for port in taken)


def test_a_busy_port_is_passed_over(tmp_path: Path, busy_port: int) -> None:
    file = tmp_path / "ports.json"
    assert not is_free(busy_port)
    taken = take_port(file, "web", preferred=busy_port)
    assert taken > busy_port
    assert read_ports(file) == {"web": taken}


def test_the_demanded_port_wins_over_the_remembered_one(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = take_port(file, "web", preferred=23456)
    other = take_port(tmp_path / "other.json", "web")
    assert take_port(file, "web", demanded=other) == other
    assert first != other


def test_the_remembered_port_wins_over_the_preferred_one(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = take_port(file, "web")
    assert take_port(file, "web", preferred=23456) == first


def test_a_damaged_file_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text("{nonsense")
    assert read_ports(file) == {}
    assert read_ports(tmp_path / "none.json") == {}
    assert is_free(take_port(file, "web"))


def test_no_free_port_is_refused(tmp_path: Path, busy_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "TRIES", 1)
    with pytest.raises(PortTaken, match=f"No free port for web on 127.0.0.1 from {busy_port}"):
        take_port(tmp_path / "ports.json", "web", preferred=busy_port)


KEEPER = """
import sys
from pathlib import Path
from awe_incidents.local.ports import take_port
print(take_port(Path(sys.argv[1]), "web", preferred=int(sys.argv[2]), keeps=True), flush=True)
sys.stdin.read()
"""


def test_two_checkouts_that_start_at_once_get_different_ports_before_either_listens(
    tmp_path: Path, busy_port: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(tmp_path / "a.json"), str(busy_port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        assert is_free(theirs), "nobody listens yet"
        assert take_port(tmp_path / "b.json", "web", preferred=theirs, keeps=True) > theirs
        other.stdin.close()
    assert take_port(tmp_path / "c.json", "web", preferred=theirs, keeps=True) == theirs

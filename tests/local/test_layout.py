"""Where local data lie: in the checkout, or beside it where the servers' user cannot enter the checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from awe_incidents.local import layout
from awe_incidents.local.errors import FolderRefused
from awe_incidents.local.layout import CHECKOUT, local_folder, open_layout
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.secret_file import read_secrets

as_root = pytest.mark.as_root  # see conftest.py


def test_the_folder_is_in_the_checkout_unless_told_otherwise(tmp_path: Path) -> None:
    assert local_folder({}) == CHECKOUT / ".local"
    assert local_folder({"AWE_LOCAL_DIR": str(tmp_path)}) == tmp_path


def test_the_servers_live_in_the_local_folder(folder: Path) -> None:
    made = open_layout(folder / ".local")
    assert made.servers == folder / ".local" / "servers"
    assert open_layout(folder / ".local") == made


@as_root
def test_the_servers_live_elsewhere_when_the_checkout_is_private(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "OUTSIDE", folder / "outside")
    places = []
    for checkout in ("one", "two"):
        (folder / checkout).mkdir(mode=0o700)
        places.append(open_layout(folder / checkout / ".local").servers)
    assert [place.parent for place in places] == [folder / "outside"] * 2
    assert places[0] != places[1]
    assert (folder / "one").stat().st_mode & 0o777 == 0o700


@as_root
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    other = folder / ".local"
    other.mkdir()
    os.chown(other, 12345, 12345)
    with pytest.raises(FolderRefused, match="belongs to another user"):
        open_layout(other)


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = read_secrets(file, ["a", "b"])
    assert read_secrets(file, ["b", "c"])["b"] == first["b"]
    assert set(json.loads(file.read_text())) == {"a", "b", "c"}
    assert len(set(json.loads(file.read_text()).values())) == 3
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["{half", "[]", '{"a": 1}'])
def test_damaged_secrets_are_refused_and_kept(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)
    with pytest.raises(FolderRefused, match="cannot be read as JSON"):
        read_secrets(file, ["a"])
    assert file.read_text() == content


@as_root
def test_a_server_in_a_closed_folder_is_refused(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderRefused, match=r"User nobody cannot enter .*a folder above it is closed"):
        PostgresCluster.at(closed / "postgres", port=1)

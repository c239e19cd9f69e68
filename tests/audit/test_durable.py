"""What is said to be stored is still there after a power cut: contents, and the names that lead to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from awe_incidents.audit.durable import make_folder
from awe_incidents.audit.log_folder import LogFolder
from awe_incidents.audit.witness_folder import WitnessFolder
from tests.audit.witnesses import GrowingLog, opened

LOG = GrowingLog()


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Give what is stored, files and folders, in its order."""
    found, real = list[Path](), os.fsync

    def notes(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", notes)
    return found


def test_the_names_of_all_folders_that_are_made_are_stored(tmp_path: Path, stored: list[Path]) -> None:
    make_folder(tmp_path / "a" / "b" / "c", mode=0o700)
    assert set(stored) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b"}
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700
    stored.clear()
    make_folder(tmp_path / "a" / "b" / "c", mode=0o700)
    assert stored == []


def test_the_record_of_a_new_log_is_stored_with_the_names_that_lead_to_it(tmp_path: Path, stored: list[Path]) -> None:
    folder = tmp_path / "far" / "witness"
    witness = opened(folder, LOG)
    assert {tmp_path, folder.parent, folder} <= set(stored)
    [place] = opened_logs(folder, LOG.origin)
    stored.clear()
    assert witness.add_checkpoint(LOG.growth(0, 5)).status == 200
    assert stored == [folder / "logs", place / "latest.new", place]
    stored.clear()
    assert witness.add_checkpoint(LOG.growth(5, 8)).status == 200
    assert stored == [place / "latest.new", place]


def opened_logs(folder: Path, *origins: str) -> list[Path]:
    """Make the folders of logs as somebody who was killed before anything was stored of them."""
    for origin in origins:
        with WitnessFolder(folder).record(origin):
            pass
    return sorted((folder / "logs").iterdir())


def test_the_folder_of_a_log_is_stored_with_the_names_that_lead_to_it(tmp_path: Path, stored: list[Path]) -> None:
    folder = LogFolder.open(tmp_path / "far" / "trail")
    folder.close()
    assert {tmp_path, tmp_path / "far", tmp_path / "far" / "trail"} <= set(stored)

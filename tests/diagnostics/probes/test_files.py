from __future__ import annotations

import os
from pathlib import Path

import pytest

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded, stat_line
from tests.diagnostics.rights import without_rights


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert read_bounded(path, max_bytes=100) == b"x" * 100
    with pytest.raises(FileUnusable, match="larger than 99 bytes"):
        read_bounded(path, max_bytes=99)


def test_a_file_that_may_not_be_read_is_not_permitted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    path.chmod(0)
    with without_rights(), pytest.raises(NotPermitted, match="may not be read"):
        read_bounded(path, max_bytes=10)


@pytest.mark.parametrize(("name", "code"), [("none", "missing"), ("file/below", "missing"), ("loop", "unreadable")])
def test_what_cannot_be_opened_says_why(name: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileUnusable) as caught:
        read_bounded(tmp_path / name, max_bytes=10)
    assert caught.value.code == code


def test_a_stat_line_holds_mode_owner_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"xyz")
    path.chmod(0o640)
    assert stat_line(path).startswith(f"-rw-r----- uid {os.getuid()} gid ")
    assert " 3 bytes " in stat_line(path)

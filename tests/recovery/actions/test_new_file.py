"""A file gets its name once, when it is whole, and never in the place of another one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from awe_incidents.recovery.actions.base import ActionFailed
from awe_incidents.recovery.actions.new_file import is_held, new_file, part_of

NAME = "a.dump"
SUM = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"  # of abcd, by sha256sum


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(folder: int, content: bytes = b"abcd", *, meanwhile: Callable[[], None] = lambda: None) -> None:
    with new_file(folder, NAME) as new:
        os.write(new.handle, content)
        meanwhile()
        new.give_name(new.checksum(check=lambda: None))


def test_it_has_its_name_when_it_is_whole(folder: int, tmp_path: Path) -> None:
    def look() -> None:
        assert names(tmp_path) == [part_of(NAME)]
        with (tmp_path / part_of(NAME)).open() as part:
            assert is_held(part.fileno())

    make(folder, meanwhile=look)
    assert names(tmp_path) == [NAME, f"{NAME}.sha256"]
    assert (tmp_path / NAME).read_bytes() == b"abcd"
    assert (tmp_path / f"{NAME}.sha256").read_text() == f"{SUM}  {NAME}\n"
    with (tmp_path / NAME).open() as made:
        assert not is_held(made.fileno())


def test_what_was_not_finished_is_removed(folder: int, tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        make(folder, meanwhile=fail)
    assert names(tmp_path) == []


@pytest.mark.parametrize("taken", [NAME, f"{NAME}.sha256"])
def test_a_name_that_was_taken_meanwhile_stays_with_who_took_it(folder: int, tmp_path: Path, taken: str) -> None:
    def take() -> None:
        (tmp_path / taken).write_text("precious")

    with pytest.raises(ActionFailed, match=f"{taken} is there already"):
        make(folder, meanwhile=take)
    assert names(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_another_file_in_the_place_of_the_part_is_neither_named_nor_removed(folder: int, tmp_path: Path) -> None:
    def swap() -> None:
        (tmp_path / "other").write_text("precious")
        (tmp_path / "other").replace(tmp_path / part_of(NAME))

    with pytest.raises(ActionFailed, match="another file than the one that was written"):
        make(folder, meanwhile=swap)
    assert names(tmp_path) == [part_of(NAME)]


def test_of_many_at_once_one_makes_it(folder: int, tmp_path: Path) -> None:
    barrier, made, refused = threading.Barrier(8), list[int](), list[str]()

    def begin(number: int) -> None:
        barrier.wait(20)
        try:
            make(folder, str(number).encode())
            made.append(number)
        except ActionFailed as failed:
            refused.append(str(failed))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(made), len(refused)) == (1, 7)
    assert (tmp_path / NAME).read_text() == str(made[0])
    assert names(tmp_path) == [NAME, f"{NAME}.sha256"]


def test_a_folder_that_is_gone_is_a_refusal(folder: int, tmp_path: Path) -> None:
    tmp_path.rmdir()
    with pytest.raises(ActionFailed, match="was not made: No such file"):
        make(folder)

"""Folders of tiles: the same whatever way they were written, and read with every change found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe_incidents.audit import merkle
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import TileMalformed, TileMissing, TileRefused
from awe_incidents.audit.tile_files import TileReader, TileWriter
from awe_incidents.audit.tiles import ENTRIES, TileName, tiles_of

ENTRIES_OF_LOG = [f"entry {number}".encode() for number in range(70_000)]


def written(folder: Path, size: int, *, stops: tuple[int, ...] = ()) -> Checkpoint:
    writer = TileWriter(folder)
    for index in range(writer.size, size):
        writer.append(ENTRIES_OF_LOG[index])
        if index + 1 in stops:
            writer.flush()
            writer = TileWriter(folder)
            assert writer.size == index + 1
    return Checkpoint("log", writer.size, writer.flush())


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    folder = tmp_path_factory.mktemp("large")
    return folder, written(folder, len(ENTRIES_OF_LOG))


def test_the_files_are_those_of_the_text(large: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = large
    assert files(folder) == {str(name) for name in tiles_of(70_000)}
    assert checkpoint.root == merkle.root_of(ENTRIES_OF_LOG)


def test_every_entry_and_every_hash_is_read_again(large: tuple[Path, Checkpoint]) -> None:
    reader = TileReader(*large)
    assert list(reader.entries()) == ENTRIES_OF_LOG
    assert list(reader.entries(255, 513)) == ENTRIES_OF_LOG[255:513]
    assert list(reader.entries(69_999, 80_000)) == ENTRIES_OF_LOG[69_999:]
    assert reader.hash(4, 3) == merkle.root_of(ENTRIES_OF_LOG[48:64])
    assert reader.hash(9, 2) == merkle.root_of(ENTRIES_OF_LOG[1024:1536])
    with pytest.raises(TileMissing):
        reader.hash(0, 70_000)


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, 69_999])
def test_proofs_from_tiles_verify(large: tuple[Path, Checkpoint], index: int) -> None:
    folder, checkpoint = large
    reader = TileReader(folder, checkpoint)
    proof = merkle.inclusion_proof(index=index, size=70_000, hashes=reader.hash)
    leaf = merkle.leaf_hash(ENTRIES_OF_LOG[index])
    merkle.verify_inclusion(hash_of_leaf=leaf, index=index, size=70_000, proof=proof, root=checkpoint.root)
    old_root = merkle.root_of(ENTRIES_OF_LOG[: index + 1])
    proof = merkle.consistency_proof(old_size=index + 1, new_size=70_000, hashes=reader.hash)
    merkle.verify_consistency(
        old_size=index + 1, old_root=old_root, new_size=70_000, new_root=checkpoint.root, proof=proof
    )


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 700])
def test_a_folder_that_was_taken_up_again_and_again_is_the_same(tmp_path: Path, size: int) -> None:
    once = written(tmp_path / "once", size)
    again = written(tmp_path / "again", size, stops=(1, 2, 100, 255, 256, 300, 511, 512, 699))
    assert once == again
    assert {str(name) for name in tiles_of(size)} <= files(tmp_path / "again") | files(tmp_path / "once")
    for name in files(tmp_path / "once"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_partial_tiles_of_earlier_sizes_stay_until_the_full_one_is_there(tmp_path: Path) -> None:
    written(tmp_path, 300, stops=(100, 260, 300))
    assert {"tile/entries/001.p/4", "tile/entries/001.p/44", "tile/0/001.p/4", "tile/1/000.p/1"} <= files(tmp_path)
    assert not any("000.p" in name for name in files(tmp_path) if name.startswith(("tile/0", "tile/entries")))
    reader = TileReader(tmp_path, Checkpoint("log", 260, merkle.root_of(ENTRIES_OF_LOG[:260])))
    assert list(reader.entries()) == ENTRIES_OF_LOG[:260]


def test_what_was_not_flushed_is_not_there_and_can_be_added_again(tmp_path: Path) -> None:
    writer = TileWriter(tmp_path)
    for entry in ENTRIES_OF_LOG[:600]:
        writer.append(entry)
    assert writer.size == 600
    assert TileWriter(tmp_path).size == 512
    assert written(tmp_path, 600).root == merkle.root_of(ENTRIES_OF_LOG[:600])


def test_a_crash_between_tile_and_bundle_leaves_a_smaller_whole_log(tmp_path: Path) -> None:
    written(tmp_path, 512)
    (tmp_path / str(TileName(ENTRIES, 1))).unlink()  # the tile of its hashes was written before it
    assert TileWriter(tmp_path).size == 256
    assert written(tmp_path, 512).root == merkle.root_of(ENTRIES_OF_LOG[:512])


def test_a_folder_whose_tiles_do_not_fit_is_not_taken_up(tmp_path: Path) -> None:
    written(tmp_path, 512)
    path = tmp_path / str(TileName(0, 1))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TileMalformed):
        TileWriter(tmp_path)
    path.unlink()
    with pytest.raises(TileMissing):
        TileWriter(tmp_path)


@pytest.mark.parametrize("name", [str(name) for name in tiles_of(70_000) if name.index in (0, 1, 255, 273)])
def test_every_flipped_bit_is_found_by_whoever_reads_there(large: tuple[Path, Checkpoint], name: str) -> None:
    folder, checkpoint = large
    path = folder / name
    kept = path.read_bytes()
    try:
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(TileMalformed):
            for _ in TileReader(folder, checkpoint).entries():
                pass
        path.unlink()
        with pytest.raises(TileMissing):
            for _ in TileReader(folder, checkpoint).entries():
                pass
    finally:
        path.write_bytes(kept)


def test_another_root_or_size_is_refused_at_once(large: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = large
    for other in (Checkpoint("log", 70_000, bytes(32)), Checkpoint("log", 69_999, checkpoint.root)):
        with pytest.raises(TileRefused):
            TileReader(folder, other)


@settings(max_examples=25)
@given(st.integers(0, 800), st.lists(st.integers(1, 800), max_size=4))
def test_any_way_to_write_gives_the_root_of_the_rfc(size: int, stops: list[int]) -> None:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    try:
        checkpoint = written(folder, size, stops=tuple(stops))
        assert checkpoint.root == merkle.root_of(ENTRIES_OF_LOG[:size])
        assert list(TileReader(folder, checkpoint).entries()) == ENTRIES_OF_LOG[:size]
    finally:
        shutil.rmtree(folder)

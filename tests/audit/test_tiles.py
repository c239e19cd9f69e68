"""Names and forms of tiles: the examples of tlog-tiles and of other implementations, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import tiles
from awe_incidents.audit.errors import PathMalformed, TileMalformed
from awe_incidents.audit.merkle import leaf_hash, root_of
from awe_incidents.audit.tiles import ENTRIES, TileName

# Of tlog-tiles itself, and of the tests of Tessera, golang.org/x/mod and others.
PATHS = [
    (TileName(0, 0), "tile/0/000"),
    (TileName(0, 1_234_067), "tile/0/x001/x234/067"),
    (TileName(0, 1_234_067, 89), "tile/0/x001/x234/067.p/89"),
    (TileName(1, 1_000), "tile/1/x001/000"),
    (TileName(2, 0, 1), "tile/2/000.p/1"),
    (TileName(3, 999, 7), "tile/3/999.p/7"),
    (TileName(63, 999_999_999_999_999_999, 255), "tile/63/x999/x999/x999/x999/x999/999.p/255"),
    (TileName(ENTRIES, 273, 112), "tile/entries/273.p/112"),
    (TileName(ENTRIES, 1_000_000), "tile/entries/x001/x000/000"),
]


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_paths_are_those_of_the_text_and_of_others(name: TileName, path: str) -> None:
    assert str(name) == path
    assert TileName.parse(path) == name
    assert name.whole.width == 256


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/a/000",
        "tile/entries",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/x001/x234/067.p/",
        "tile/0/x001/x234/067.p/0",
        "tile/0/x001/x234/067.p/089",
        "tile/0/x001/x234/067.p/256",
        "tile/0/x001/x234/067.p/1234",
        "tile/0/000.p/1/",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/../000",
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathMalformed):
        TileName.parse(path)


@pytest.mark.parametrize(("level", "index", "width"), [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_there_is_no_such_tile(level: int, index: int, width: int) -> None:
    with pytest.raises(PathMalformed):
        TileName(level, index, width)


def test_the_example_of_70_000_entries() -> None:
    names = list(tiles.tiles_of(70_000))
    by_level = {level: [name for name in names if name.level == level] for level in range(-1, 4)}
    assert [len(by_level[level]) for level in range(-1, 4)] == [274, 274, 2, 1, 0]
    assert [by_level[level][-1].width for level in range(-1, 3)] == [112, 112, 17, 1]
    assert [str(name) for name in tiles.tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(tiles.tiles_of(0)) == []


@given(st.integers(0, 10**12), st.integers(-1, 63), st.integers(1, 256))
def test_every_name_is_read_as_it_was_written(index: int, level: int, width: int) -> None:
    name = TileName(level, index, width)
    assert TileName.parse(str(name)) == name


@given(st.integers(1, 20_000))
def test_the_tiles_of_a_size_are_as_wide_as_the_size_demands(size: int) -> None:
    names = list(tiles.tiles_of(size))
    for level in {name.level for name in names}:
        widths = [name.width for name in names if name.level == level]
        assert sum(widths) == size >> 8 * max(level, 0)
        assert set(widths[:-1]) <= {256}


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    data = tiles.encode_bundle(entries)
    assert tiles.decode_bundle(data, width=len(entries)) == entries
    with pytest.raises(TileMalformed):
        tiles.decode_bundle(data, width=len(entries) + 1)
    if entries:
        with pytest.raises(TileMalformed):
            tiles.decode_bundle(data[:-1], width=len(entries))
        with pytest.raises(TileMalformed):
            tiles.decode_bundle(data + b"\x00", width=len(entries))


def test_the_form_of_a_bundle_is_the_length_in_two_bytes_and_the_entry() -> None:
    assert tiles.encode_bundle([b"ab", b"", b"x" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"x" * 258
    assert tiles.decode_bundle(tiles.encode_bundle([b"x" * 65_535]), width=1) == [b"x" * 65_535]
    with pytest.raises(TileMalformed, match="65,536"):
        tiles.encode_bundle([b"x" * 65_536])


def test_a_tile_of_hashes_has_exactly_its_bytes() -> None:
    assert tiles.decode_hashes(b"a" * 32 + b"b" * 32, width=2) == [b"a" * 32, b"b" * 32]
    for data in (b"", b"a" * 63, b"a" * 96):
        with pytest.raises(TileMalformed):
            tiles.decode_hashes(data, width=2)


def test_the_root_of_a_complete_subtree() -> None:
    leaves = [bytes([number]) for number in range(8)]
    assert tiles.subtree_root([leaf_hash(leaf) for leaf in leaves]) == root_of(leaves)
    for number in (0, 3, 6):
        with pytest.raises(TileMalformed):
            tiles.subtree_root([bytes(32)] * number)

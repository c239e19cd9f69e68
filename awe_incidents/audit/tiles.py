"""Tiles by C2SP tlog-tiles: a log as a set of static files, their names and their forms.

    tile/<level>/<index>     256 hashes of complete subtrees, 8 levels of the tree above the tile below
    tile/entries/<index>     256 entries, each behind its length in two bytes
    ....p/<width>            the same, not full yet: 1 to 255 of them

An index is written in groups of three digits, 1234067 as `x001/x234/067`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from awe_incidents.audit.canonical import MAX_BYTES
from awe_incidents.audit.errors import PathMalformed, TileMalformed
from awe_incidents.audit.merkle import HASH_BYTES, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63
ENTRIES = -1  # the level of a bundle of entries, in names of tiles
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TileName:
    """Names a tile, or at the level ENTRIES a bundle of entries; `str()` gives its path."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not ENTRIES <= self.level <= MAX_LEVEL or self.index < 0 or not 1 <= self.width <= WIDTH:
            raise PathMalformed(f"there is no tile {self.index} of width {self.width} at level {self.level}")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path below the log's prefix; raises PathMalformed."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise PathMalformed("this is no path of a tile")
        level, index, width = match.group("level", "index", "width")
        name = cls(
            ENTRIES if level == "entries" else int(level),
            int(index.replace("x", "").replace("/", "")),
            WIDTH if width is None else int(width),
        )
        if str(name) != path:
            raise PathMalformed("a tile has another path: no leading groups of zeros, no width of a full tile")
        return name

    def __str__(self) -> str:
        """Give the path below the log's prefix."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index_path(self.index)}{partial}"

    @property
    def whole(self) -> TileName:
        """Name the full tile in this place."""
        return TileName(self.level, self.index)


def index_path(index: int) -> str:
    """Give the path elements of an index: `x001/x234/067`."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def width_at(size: int, *, level: int, index: int) -> int:
    """Give how many hashes (or entries, at the level ENTRIES) a log of this size has in a tile; 0 where it has none."""
    return max(0, min(WIDTH, (size >> HEIGHT * max(level, 0)) - index * WIDTH))


def tiles_of(size: int) -> Iterator[TileName]:
    """Name every file that a log of this size has, bundles first, then level by level."""
    level = ENTRIES
    while (count := size >> HEIGHT * max(level, 0)) > 0:
        for index in range(-(-count // WIDTH)):
            yield TileName(level, index, width_at(size, level=level, index=index))
        level += 1


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Give the bytes of a bundle of entries; raises TileMalformed for an entry over 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > MAX_BYTES:
            raise TileMalformed(f"an entry of {len(entry):,} bytes does not fit into a bundle")
        parts += [struct.pack(">H", len(entry)), entry]
    return b"".join(parts)


def decode_bundle(data: bytes, *, width: int) -> list[bytes]:
    """Read the entries of a bundle; raises TileMalformed where there are not exactly `width`."""
    entries, place = [], 0
    while place < len(data):
        start = place + 2
        end = start + int.from_bytes(data[place:start])
        if end > len(data) or start > len(data):
            raise TileMalformed("the bundle ends within an entry")
        entries.append(data[start:end])
        place = end
    if len(entries) != width:
        raise TileMalformed(f"the bundle has {len(entries)} entries, not {width}")
    return entries


def decode_hashes(data: bytes, *, width: int) -> list[bytes]:
    """Read the hashes of a tile; raises TileMalformed where there are not exactly `width`."""
    if len(data) != width * HASH_BYTES:
        raise TileMalformed(f"a tile of {width} hashes has {width * HASH_BYTES} bytes, not {len(data)}")
    return [data[place : place + HASH_BYTES] for place in range(0, len(data), HASH_BYTES)]


def hash_in_tiles(level: int, index: int, tile: Callable[[int, int], Sequence[bytes]]) -> bytes:
    """Give the root of a complete subtree (`merkle.HashSource`) from the tile that it lies in, by level and index."""
    tile_level, within = divmod(level, HEIGHT)
    place, start = divmod(index << within, WIDTH)
    return subtree_root(tile(tile_level, place)[start : start + (1 << within)])


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Give the root of a complete subtree from the hashes of one level of it: 1, 2, 4 ... 256 of them."""
    row = list(hashes)
    if len(row).bit_count() != 1:
        raise TileMalformed(f"{len(row)} hashes make no complete subtree")
    while len(row) > 1:
        row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]

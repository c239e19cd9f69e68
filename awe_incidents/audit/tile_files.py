"""Folders of tiles: written from a stream of entries, taken up again where that ended, and read with checks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from awe_incidents.audit import merkle
from awe_incidents.audit.canonical import MAX_BYTES
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import TileMalformed, TileMissing
from awe_incidents.audit.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    TileName,
    decode_bundle,
    decode_hashes,
    encode_bundle,
    hash_in_tiles,
    subtree_root,
    width_at,
)

_KEPT_TILES = 64


class TileGrower:
    """Grows tiles by entries, and hands over what is full; memory holds one bundle and one row of hashes a level.

    A bundle of entries comes behind its tiles, so what is left after a crash is a smaller whole log.
    """

    def __init__(self, write: Callable[[TileName, bytes], None]) -> None:
        """Begin an empty log."""
        self._write = write
        self._rows: list[list[bytes]] = [[]]
        self._bundle: list[bytes] = []
        self._first = 0  # index of the first entry of the bundle

    @property
    def size(self) -> int:
        """Count the entries so far, those included that `flush` has still to write."""
        return self._first + len(self._bundle)

    def append(self, entry: bytes) -> None:
        """Add an entry, and hand over what it completes; raises TileMalformed where it is too large."""
        if len(entry) > MAX_BYTES:
            raise TileMalformed(f"an entry of {len(entry):,} bytes does not fit into a bundle")
        self._bundle.append(entry)
        self._add(merkle.leaf_hash(entry), level=0)
        if len(self._bundle) == WIDTH:
            self._write(TileName(ENTRIES, self._first // WIDTH), encode_bundle(self._bundle))
            self._first += WIDTH
            self._bundle = []

    def flush(self) -> bytes:
        """Hand over what is not full yet, so that there is a whole log of `size` entries; give its root."""
        for level, row in enumerate(self._rows):
            if row:
                self._write(TileName(level, self._tile(level), len(row)), b"".join(row))
        if self._bundle:
            name = TileName(ENTRIES, self._first // WIDTH, len(self._bundle))
            self._write(name, encode_bundle(self._bundle))
        return self.root()

    def root(self) -> bytes:
        """Give the root of the tree of all entries so far."""
        return merkle.root_at(self.size, self._hash)

    def _hash(self, level: int, index: int) -> bytes:
        """Give the root of a subtree at the right edge, which is where all of them lie that a root is made of."""
        tile_level, within = divmod(level, HEIGHT)
        start = (index << within) - self._tile(tile_level) * WIDTH
        return subtree_root(self._rows[tile_level][start : start + (1 << within)])

    def _tile(self, level: int) -> int:
        """Give the index of the tile that is being filled at a level."""
        return self.size >> HEIGHT * (level + 1)

    def _add(self, item: bytes, *, level: int) -> None:
        if level == len(self._rows):
            self._rows.append([])
        row = self._rows[level]
        row.append(item)
        if len(row) == WIDTH:
            self._write(TileName(level, (self.size >> HEIGHT * (level + 1)) - 1), b"".join(row))
            self._rows[level] = []
            self._add(subtree_root(row), level=level + 1)


class TileWriter(TileGrower):
    """Grows a folder of tiles."""

    def __init__(self, folder: Path) -> None:
        """Take up a folder where it ended, an empty one at 0; raises TileRefused where its files do not fit."""
        super().__init__(self._write_file)
        self._folder = folder
        full = self._full_bundles()
        self._take_up_rows(full)
        self._first = full * WIDTH
        for entry in self._partial_bundle(full):
            self.append(entry)

    def _write_file(self, name: TileName, data: bytes) -> None:
        path = self._folder / str(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        beside.write_bytes(data)
        beside.replace(path)
        if name.width == WIDTH:
            shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)

    def _full_bundles(self) -> int:
        """Count the full bundles, by halving: they are contiguous."""
        high = 1
        while self._has_bundle(high - 1):
            high *= 2
        low = high // 2
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._has_bundle(middle) else (low, middle)
        return low

    def _has_bundle(self, index: int) -> bool:
        return (self._folder / str(TileName(ENTRIES, index))).is_file()

    def _partial_bundle(self, index: int) -> list[bytes]:
        folder = self._folder / f"{TileName(ENTRIES, index)}.p"
        widths = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
        if not widths:
            return []
        return decode_bundle((folder / str(max(widths))).read_bytes(), width=max(widths))

    def _take_up_rows(self, full: int) -> None:
        """Make the rows above the full tiles again, from the tiles below them."""
        level, count = 0, full
        while count:
            first = count // WIDTH * WIDTH
            row = [subtree_root(_read_hashes(self._folder, TileName(level, index))) for index in range(first, count)]
            self._rows.append(row)
            level, count = level + 1, count // WIDTH


class TileReader:
    """Reads a folder of tiles as the log of one checkpoint; gives no hash and no entry that its root does not cover."""

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        """Check that the right edge of the tiles makes the root.

        Raises: TileMissing, TileMalformed.
        """
        self._folder, self.size = folder, checkpoint.size
        self._tile = lru_cache(maxsize=_KEPT_TILES)(self._checked_tile)
        if merkle.root_at(self.size, self._unchecked) != checkpoint.root:
            raise TileMalformed("the tiles make another root than the checkpoint says")

    def hash(self, level: int, index: int) -> bytes:
        """Give the root of a complete subtree: a `merkle.HashSource` for proofs; raises TileMissing, TileMalformed."""
        if index < 0 or (index + 1) << level > self.size:
            raise TileMissing(f"a log of {self.size} entries has no complete subtree {index} at level {level}")
        return hash_in_tiles(level, index, self._tile)

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the entries from `start` to before `end`; raises TileMissing, TileMalformed."""
        end = self.size if end is None else min(end, self.size)
        while start < end:
            tile, offset = divmod(start, WIDTH)
            width = width_at(self.size, level=ENTRIES, index=tile)
            entries = decode_bundle(_read(self._folder, TileName(ENTRIES, tile, width)), width=width)
            if [merkle.leaf_hash(entry) for entry in entries] != self._tile(0, tile):
                raise TileMalformed(
                    f"the entries {tile * WIDTH} to {tile * WIDTH + width - 1} are not those of the tree"
                )
            yield from entries[offset : offset + end - start]
            start = (tile + 1) * WIDTH

    def _unchecked(self, level: int, index: int) -> bytes:
        return hash_in_tiles(level, index, self._read_tile)

    def _checked_tile(self, level: int, index: int) -> list[bytes]:
        """Read a tile; a full one against the hash above it, while the root already covers those that are not full."""
        hashes = self._read_tile(level, index)
        if len(hashes) == WIDTH:
            above, place = divmod(index, WIDTH)
            if subtree_root(hashes) != self._tile(level + 1, above)[place]:
                raise TileMalformed(f"tile {index} of level {level} is not the one of the tree")
        return hashes

    def _read_tile(self, level: int, index: int) -> list[bytes]:
        width = width_at(self.size, level=level, index=index)
        if not width:
            raise TileMissing(f"a log of {self.size} entries has no tile {index} at level {level}")
        return _read_hashes(self._folder, TileName(level, index, width))


def _read_hashes(folder: Path, name: TileName) -> list[bytes]:
    return decode_hashes(_read(folder, name), width=name.width)


def _read(folder: Path, name: TileName) -> bytes:
    """Read a tile or bundle; raises TileMissing."""
    try:
        return (folder / str(name)).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise TileMissing(f"{name} is missing") from None

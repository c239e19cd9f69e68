"""The bundle that an auditor verifies: a folder written from a stream of entries, taken up again where that ended.

docs/audit-bundle.md describes it. Lines beside the entries are written before the entries that they belong to, so what
is found after a crash has lines too many at most, and those are cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.errors import ExportRefused
from awe_incidents.audit.tile_files import TileWriter
from awe_incidents.audit.tiles import WIDTH

PROJECTION, DISCLOSURES = "projection.jsonl", "disclosures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An entry with what stands beside it: its search columns, and the texts behind its commitments."""

    body: bytes
    projection: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, Disclosure] = field(default_factory=dict)


class BundleWriter:
    """Writes a bundle; memory holds 256 records. `size` says at which entry to go on."""

    def __init__(self, folder: Path, *, with_projection: bool = True, with_disclosures: bool = True) -> None:
        """Take up a folder where it ended; without disclosures, texts stay at home and cannot be missed.

        Raises: TileRefused; ExportRefused, where the folder was begun with the other choice.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._tiles = TileWriter(folder)
        self._waiting: list[Record] = []
        wanted = {PROJECTION: with_projection, DISCLOSURES: with_disclosures}
        for name, is_wanted in wanted.items():
            _check_begun(folder / name, self._tiles.size, is_wanted=is_wanted)
        names = [name for name, is_wanted in wanted.items() if is_wanted]
        self._files = {name: _cut(folder / name, self._tiles.size).open("ab") for name in names}

    @property
    def size(self) -> int:
        """Count the entries so far."""
        return self._tiles.size + len(self._waiting)

    def add(self, record: Record) -> None:
        """Add the next entry; raises TileMalformed where it is too large."""
        self._waiting.append(record)
        if self.size % WIDTH == 0:
            self._write()

    def finish(self, newest: bytes, *, checkpoints: Iterable[bytes]) -> bytes:
        """Write what is left, the newest signed checkpoint, and all of them, oldest first; give the root."""
        self._write()
        root = self._tiles.flush()
        beside = self._folder / "checkpoints.new"
        with beside.open("wb") as file:
            for number, note in enumerate(checkpoints):
                file.write(b"\n" * bool(number) + note)
        beside.replace(self._folder / "checkpoints")
        (self._folder / "checkpoint").write_bytes(newest)
        self.close()
        return root

    def close(self) -> None:
        """Let go of the files; what is not written yet has to be added again."""
        for file in self._files.values():
            file.close()

    def _write(self) -> None:
        first = self._tiles.size
        for index, record in enumerate(self._waiting, first):
            self._add_line(PROJECTION, projection_line(index, record.projection))
            if record.texts:
                self._add_line(DISCLOSURES, disclosure_line(index, record.texts))
        for file in self._files.values():
            file.flush()
        for record in self._waiting:
            self._tiles.append(record.body)
        self._waiting = []

    def _add_line(self, name: str, line: bytes) -> None:
        if name in self._files:
            self._files[name].write(line)


def projection_line(index: int, projection: Mapping[str, Any]) -> bytes:
    """Give an entry's line of `projection.jsonl`."""
    return _line({"index": index, **projection})


def disclosure_line(index: int, texts: Mapping[str, Disclosure]) -> bytes:
    """Give an entry's line of `disclosures.jsonl`."""
    return _line({"index": index, "texts": {name: [one.salt.hex(), one.value] for name, one in texts.items()}})


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _check_begun(path: Path, size: int, *, is_wanted: bool) -> None:
    """Refuse to go on with half of the lines, which would accuse of erasures, or beside lines that nobody wants."""
    is_there = path.exists()
    if is_there != is_wanted and (is_there or size):
        how = "with" if is_there else "without"
        raise ExportRefused(f"the folder was begun {how} {path.name}: go on {how} it, or take an empty folder")


def _cut(path: Path, size: int) -> Path:
    """Cut the lines of entries that are not in the tiles, and what was torn."""
    path.touch()
    kept = 0
    with path.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n") or json.loads(line)["index"] >= size:
                break
            kept += len(line)
        file.truncate(kept)
    return path

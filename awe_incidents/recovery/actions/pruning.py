"""Empty folders in which former certificate files were kept; the folders stay, as they refuse their tokens."""

from __future__ import annotations

import errno
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from awe_incidents.recovery.actions.keeping import KEPT, MANIFEST, Kept, kept_folders, kept_sets, sync_folder, write_new

PRUNED = "pruned.json"
OURS = re.compile(r"awe-recovery-[0-9]+-[0-9]+")  # the tokens of executions


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A folder below KEPT that holds files; `kept_at` is empty where what it keeps was never finished."""

    name: str
    kept_at: str
    files: tuple[str, ...]
    is_usable: bool  # it can be put back


def held_folders(home: Path) -> list[Held]:
    """Give every folder that an action made and that holds files still, newest set first. Raises: NotPermitted."""
    sets = {one.folder.name: one for one in kept_sets(home)}
    found = [_held(folder, sets.get(folder.name)) for folder in kept_folders(home)]
    return sorted((one for one in found if one is not None), key=lambda one: (one.kept_at, one.name), reverse=True)


def prune(home: Path, name: str, *, token: str) -> None:
    """Remove the files of a folder, and leave a note of what it held.

    From the first change on the set cannot be put back, and what is left of it shows in `held_folders`.
    Raises: PermissionError (nothing was changed), OSError.
    """
    folder = home / KEPT / name
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    if not (folder / PRUNED).exists():
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        note = {"pruned_at": at, "by": token, "held": _files(folder)}
        write_new(folder / PRUNED, json.dumps(note).encode() + b"\n")
    (folder / MANIFEST).unlink(missing_ok=True)
    sync_folder(folder)
    for one in _files(folder):
        (folder / one).unlink(missing_ok=True)
    sync_folder(folder)


def _held(folder: Path, kept: Kept | None) -> Held | None:
    is_ours = kept is not None or (folder / PRUNED).exists() or OURS.fullmatch(folder.name)
    files = _files(folder) if is_ours else []
    if not files:
        return None
    kept_at = kept.kept_at if kept else ""
    return Held(name=folder.name, kept_at=kept_at, files=tuple(files), is_usable=kept is not None and kept.is_intact())


def _files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name != PRUNED and not one.is_dir())

"""The rights of files as a container sees them, by `stat` in it; of their content it tells only whether it is a key."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.permissions import FileSeen
from diagnostics.probes.programs import KEY_MARK, NO_PROGRAM

STAT = ("stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y")
KINDS = {
    "regular file": stat.S_IFREG,
    "regular empty file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "socket": stat.S_IFSOCK,
    "fifo": stat.S_IFIFO,
    "character special file": stat.S_IFCHR,
    "block special file": stat.S_IFBLK,
}
BY_TEXT = (
    ("Permission denied", "unreadable", "is in a folder that the container's user may not enter"),
    ("No such file or directory", "missing", "does not exist"),
    ("Not a directory", "missing", "does not exist"),
)
SNIFFED_BYTES = 65_536  # a larger file is no key


def files_in(engine: ReadOnlyEngine, container: Seen, paths: Sequence[Path]) -> Mapping[Path, FileSeen | FileUnusable]:
    """Look at files and the folders that lead to them; empty where the container has no program for it.

    Raises: EngineFailure, ContainerGone, ProgramNotAllowed.
    """
    asked = dict.fromkeys(one for path in paths for one in (path, *path.parents))
    code, output = engine.run(container, [*STAT, *map(str, asked)])
    lines = output.decode(errors="replace").splitlines()
    found = dict(pair for line in lines if (pair := _parsed(line)))
    if code in NO_PROGRAM or not found:
        return {}
    small = [path for path in paths if (one := found.get(path)) and stat.S_ISREG(one.st_mode) and _may_be_key(one)]
    keys = _keys_among(engine, container, small)
    return {path: _seen(path, found, lines, keys) for path in paths}


def _seen(
    path: Path, found: Mapping[Path, os.stat_result], lines: Iterable[str], keys: frozenset[Path]
) -> FileSeen | FileUnusable:
    about = found.get(path)
    if about is None:
        said = next((line for line in lines if f"{path}'" in line or line.startswith(f"stat: {path}:")), "")
        code, text = next((one[1:] for one in BY_TEXT if one[0] in said), ("not_seen", "was not seen"))
        return FileUnusable(code, f"{path} {text}")
    return FileSeen(
        path=path,
        about=about,
        folders=tuple((folder, found[folder]) for folder in path.parents if folder in found),
        line=stat_text(path, about),
        holds_key=path in keys,
        is_elsewhere=True,
    )


def stat_text(path: Path, about: os.stat_result) -> str:
    """Say mode, owner and size of a file in one line."""
    return f"{stat.filemode(about.st_mode)} uid {about.st_uid} gid {about.st_gid} {about.st_size} bytes {path}"


def _parsed(line: str) -> tuple[Path, os.stat_result] | None:
    """Read a line of `stat`; None for what it says of a file that it cannot look at."""
    name, *words = line.rsplit("|", 6)
    if len(words) != 6 or not all(word.isalnum() for word in words[1:]):
        return None
    kind, mode, uid, gid, size, changed = words
    bits = KINDS.get(kind, 0) | int(mode, 8)
    return Path(name), os.stat_result((bits, 0, 0, 1, int(uid), int(gid), int(size), *[int(changed)] * 3))


def _may_be_key(about: os.stat_result) -> bool:
    return 0 < about.st_size <= SNIFFED_BYTES


def _keys_among(engine: ReadOnlyEngine, container: Seen, paths: Sequence[Path]) -> frozenset[Path]:
    if not paths:
        return frozenset()
    _, output = engine.run(container, ["grep", "-l", "-E", "-e", KEY_MARK, *map(str, paths)])
    names = set(output.decode(errors="replace").splitlines())
    return frozenset(path for path in paths if str(path) in names)

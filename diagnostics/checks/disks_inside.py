"""The file systems that containers write to, mounts and own layer, as `df` in them or their host sees them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import FileUnusable, ProbeFailure, ProcessUnknown
from diagnostics.probes.filesystems import FileSystem, file_system_of

LOCAL = "unix://"
ROOT = "/"


def file_systems_inside(seeing: Seeing) -> Iterator[FileSystem]:
    """Give each file system of the stack's containers once; the mount point has its service in front.

    Raises: EngineFailure, NotPermitted.
    """
    seen = set[tuple[object, ...]]()
    for service in sorted(seeing.stack.services):
        for container in seeing.surroundings.containers().get(service, []):
            for system in _of_container(seeing, container):
                key = (system.used_bytes, system.available_bytes, system.available_inodes, system.kind)
                if key not in seen:  # the same disk behind another container
                    seen.add(key)
                    yield system


def _of_container(seeing: Seeing, container: Seen) -> Iterator[FileSystem]:
    mounts = _mounts(container)
    by_path = dict(_by_df(seeing, container, [ROOT, *mounts]))
    for path, source in mounts.items():
        if path not in by_path and (found := _on_host(seeing, source)):
            by_path[path] = found  # one that does not run cannot be asked
    for path, system in by_path.items():
        yield replace(system, mount_point=f"{container.service}:{path}")


def _mounts(container: Seen) -> Mapping[str, str]:
    """Give where each writable mount is in the container, and on the host."""
    return {
        str(one["Destination"]): str(one.get("Source", ""))
        for one in container.attributes.get("Mounts") or []
        if one.get("RW") and one.get("Destination")
    }


def _on_host(seeing: Seeing, source: str) -> FileSystem | None:
    engine = seeing.stack.engine
    if engine is None or not engine.url.startswith(LOCAL) or not source.startswith("/"):
        return None
    with suppress(FileUnusable, CouldNotLook):
        return file_system_of(Path(source))
    return None


def _by_df(seeing: Seeing, container: Seen, paths: Sequence[str]) -> Iterator[tuple[str, FileSystem]]:
    try:
        inside = seeing.surroundings.inside(container.service)
        if not isinstance(inside, InsideContainer) or inside.container.id != container.id:
            return
        answers = [inside.run(["df", "-P", unit, *paths]) for unit in ("-B1", "-i")]
    except (ProcessUnknown, CouldNotLook, ProbeFailure):
        return
    room, entries = ([_figures(line) for line in output.decode(errors="replace").splitlines()] for _, output in answers)
    rows = [one for one in room if one], [one for one in entries if one]
    if not len(rows[0]) == len(rows[1]) == len(paths):
        return  # some path cannot be asked for; which line is whose would be a guess
    for path, (name, used, available), (_, used_entries, free_entries) in zip(paths, *rows, strict=True):
        yield (
            path,
            FileSystem(
                device=zlib.crc32(f"{container.id}{path}".encode()),
                mount_point=path,
                kind=name,
                used_bytes=used,
                available_bytes=available,
                used_inodes=used_entries,
                available_inodes=free_entries,
                has_inodes=used_entries + free_entries > 0,
                is_read_only=False,  # df does not say
            ),
        )


def _figures(line: str) -> tuple[str, int, int] | None:
    """Read name, used and available from a line of `df -P`."""
    words = line.split()
    if len(words) < 6 or not (words[2].isdecimal() and words[3].isdecimal()):
        return None
    return words[0], int(words[2]), int(words[3])

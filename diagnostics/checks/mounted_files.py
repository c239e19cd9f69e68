"""Which files a container must be able to read, by the paths at which it has them: described, or mounted into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diagnostics.checks.named_files import NamedFile
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

BIND = "bind"  # a folder or file of the host; volumes are the engine's own


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file or folder of one container."""

    named: NamedFile  # its path is the container's
    source: Path | None  # on the engine's host
    is_described: bool
    is_judged_here: bool = False  # who else can get at it is judged at the file of this machine


def binds_of(container: Seen) -> list[tuple[Path, Path]]:
    """Give source on the host and destination of each mounted file or folder, the deepest first."""
    mounts = container.attributes.get("Mounts") or []
    found = [(Path(str(one["Source"])), Path(str(one["Destination"]))) for one in mounts if one.get("Type") == BIND]
    return sorted(found, key=lambda pair: -len(pair[0].parts))


def path_in(container: Seen, path: Path) -> Path | None:
    """Give where a container has a file of the host; None where it has not."""
    real = Path(os.path.realpath(path))
    for source, destination in binds_of(container):
        for one in (path, real):
            if one.is_relative_to(source):
                return destination / one.relative_to(source)
    return None


def wanted_by(container: Seen, stack: StackConfig, *, is_local: bool) -> list[Wanted]:
    """Give what a container must be able to read, each path once, what is described first."""
    found: dict[Path, Wanted] = {}
    for one in (*_described(container, stack, is_local=is_local), *_mounted(container)):
        found.setdefault(one.named.path, one)
    return list(found.values())


def _described(container: Seen, stack: StackConfig, *, is_local: bool) -> Iterator[Wanted]:
    service = stack.services.get(container.service)
    for path in service.files if service else ():
        inside = path_in(container, path) if is_local else None
        target = str(path) if inside else f"{container.service}:{path}"
        yield _wanted(
            container, inside or path, path if inside else None, "a file", target, is_judged_here=bool(inside)
        )
    for endpoint in stack.endpoints.values():
        files = stack.tls.get(endpoint.tls or "")
        if files is None or endpoint.service != container.service or not is_local:
            continue
        for role in ("server_certificate", "server_key", "client_ca"):
            path = getattr(files, role)
            if path and (inside := path_in(container, path)):
                described = f"{role} of [tls.{files.name}]"
                yield _wanted(container, inside, path, described, str(path), is_judged_here=True)


def _wanted(
    container: Seen, inside: Path, source: Path | None, role: str, target: str, *, is_judged_here: bool
) -> Wanted:
    service = container.service
    named = NamedFile(inside, [role, f"in {service}"], [service], is_missed_elsewhere=False, known_as=target)
    return Wanted(named, source, is_described=True, is_judged_here=is_judged_here)


def _mounted(container: Seen) -> Iterator[Wanted]:
    for source, destination in binds_of(container):
        named = NamedFile(
            destination,
            [f"mounted into {container.service}"],
            [container.service],
            is_missed_elsewhere=False,
            known_as=f"{container.service}:{destination}",
        )
        yield Wanted(named, source, is_described=False)

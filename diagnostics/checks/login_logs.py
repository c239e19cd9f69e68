"""The logs that [security_log] names, as files to read: where they lie, or copies of what a service's container has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from diagnostics.checks.container_logs import spooled
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.programs import NO_PROGRAM
from diagnostics.stack import SecurityLog, StackConfig

Refusal = CouldNotLook | ProbeFailure


@dataclass(frozen=True, slots=True)
class LoginLog:
    """One source: what people call it, and the files to read; or why there are none."""

    name: str
    paths: Sequence[Path] = ()
    refusal: Refusal | None = None
    copied_from: str = ""

    @property
    def source(self) -> str:
        """Give where its lines were, for evidence."""
        return self.copied_from or ", ".join(map(str, self.paths))


@contextmanager
def login_logs(seeing: Seeing, log: SecurityLog, *, day: timedelta, max_bytes: int) -> Iterator[list[LoginLog]]:
    """Give every source; copies are gone afterwards.

    Raises: EngineFailure, NotPermitted (of the engine).
    """
    if log.service is None or not seeing.surroundings.is_container:
        yield _files(seeing.stack, log)
        return
    named = f"log of {log.service}"
    with (
        tempfile.TemporaryDirectory(prefix="awe-logins-") as folder,
        spooled(seeing, log.service, since=seeing.now() - day) as written,
    ):
        copies = [
            _copied(seeing, log.service, path, Path(folder) / str(number), max_bytes=max_bytes)
            for number, path in enumerate(log.files)
        ]
        paths = [one.path for one in written]
        yield [*copies, *([LoginLog(named, paths, copied_from=f"{named}, by the engine")] if paths else [])]


def _files(stack: StackConfig, log: SecurityLog) -> list[LoginLog]:
    found = [LoginLog(str(path), (path,)) for path in log.files]
    if log.service:
        paths = [path for path in stack.services[log.service].log_files if path not in log.files]
        found += [LoginLog(f"log of {log.service}", paths)] if paths else []
    return found


def _copied(seeing: Seeing, service: str, path: Path, copy: Path, *, max_bytes: int) -> LoginLog:
    """Copy the end of a file out of a service's container."""
    try:
        copy.write_bytes(_end_of(seeing, service, path, max_bytes=max_bytes))
    except (CouldNotLook, ProbeFailure) as refusal:
        return LoginLog(str(path), refusal=refusal)
    return LoginLog(str(path), (copy,), copied_from=f"{path} in the container of {service}")


def _end_of(seeing: Seeing, service: str, path: Path, *, max_bytes: int) -> bytes:
    """Raises: FileUnusable, ProcessUnknown, EngineFailure, NotPermitted."""
    inside = seeing.surroundings.inside(service)
    assert isinstance(inside, InsideContainer)
    arguments = ["tail", "-c", str(max_bytes), str(path)]
    code, output = inside.engine.run(inside.container, arguments, max_bytes=max_bytes)
    if code in NO_PROGRAM:
        raise CouldNotLook(f"{service} has no program to read {path} with", code="container.no_program")
    if code:
        said = output.decode(errors="replace").strip()[:200]
        if "Permission denied" in said:
            raise NotPermitted(f"{inside.text}: {said}", target=str(path))
        raise FileUnusable("missing", f"{path} in {inside.text}: {said}")
    return output

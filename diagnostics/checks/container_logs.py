"""The logs of containers as files for a moment, so that what reads logs of files reads them in the same way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.engine import Seen

MAX_LINES = 50_000  # the last ones of the window
MAX_SPOOLED_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Spooled:
    """A container's lines in a file, each with the engine's time stamp in front; `cut_bytes` more were not read."""

    container: Seen
    path: Path
    cut_bytes: int


@contextmanager
def spooled(seeing: Seeing, service: str, *, since: datetime) -> Iterator[list[Spooled]]:
    """Give the logs of a service's containers, running or not; the files are gone afterwards.

    Raises: EngineFailure, NotPermitted.
    """
    containers = seeing.surroundings.containers().get(service, [])
    with tempfile.TemporaryDirectory(prefix="awe-logs-") as folder:
        yield [_spool(seeing, one, Path(folder) / f"{number}.log", since) for number, one in enumerate(containers)]


def _spool(seeing: Seeing, container: Seen, path: Path, since: datetime) -> Spooled:
    written = 0
    with path.open("wb") as file:
        for chunk in seeing.surroundings.engine().logs(container, since=since, tail=MAX_LINES):
            if written < MAX_SPOOLED_BYTES:
                file.write(chunk)
            written += len(chunk)
            seeing.seconds_left()
    return Spooled(container, path, max(0, written - MAX_SPOOLED_BYTES))

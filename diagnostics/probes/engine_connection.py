"""A connection to a container engine, for the calls of whoever derives from it: to read, or to act."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from diagnostics.probes.engine_client import client_of
from diagnostics.probes.engine_failures import EngineFailure, check_address, explained
from diagnostics.probes.ssh_road import SshRoad
from diagnostics.stack import Engine

HUNG_UP = {"engine.closed", "engine.protocol", "engine.other"}  # what a client sees when ssh ends


class EngineConnection:
    """Offers no call itself; use as a context manager."""

    def __init__(self, described: Engine, *, seconds: float, root: Path) -> None:
        """Connect lazily; every call then takes at most `seconds`. Raises: EngineFailure, NotPermitted."""
        self._described, self._seconds = described, seconds
        check_address(described.url, seconds=seconds)
        self._road = SshRoad(described.url, seconds) if described.url.startswith("ssh://") else None
        try:
            with self._explained():
                address = self._road.address if self._road else described.url
                self._client = client_of(described, address=address, seconds=seconds, root=root)
        except BaseException:
            self._leave_road()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._leave_road()

    def _leave_road(self) -> None:
        if self._road:
            self._road.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn whatever docker-py raises into a failure with a code; over SSH by the words of ssh, where it has some.

        Raises: EngineFailure, ContainerGone, ContainerStopped, NotPermitted.
        """
        try:
            with explained(self._described.url):
                yield
        except EngineFailure as failure:
            if self._road and failure.code in HUNG_UP and (said := self._road.failure()):
                raise said from None
            raise

"""Another process listens on the api's port, and the api cannot start."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

from awe_incidents.local.errors import ControlRefused
from awe_incidents.local.lock import lock_holder
from deploy.awe.process.faults import squatter
from deploy.awe.process.faults.background import Background
from deploy.awe.process.faults.fault import Fault

TRY_SECONDS = 1.0


class PortTaken(Fault):
    """The port answers, but it is not the api."""

    slug: ClassVar[str] = "port-taken"
    title: ClassVar[str] = "another process listens on the api's port; the api cannot start"

    def inject(self) -> None:
        """Stop the api, take its port, and let the api try to start."""
        api = self.stack.settings.services.api
        self.stack.stop(api)
        self._take_port()
        with contextlib.suppress(ControlRefused):  # that it cannot start is the point
            self.stack.start(api, timeout_seconds=TRY_SECONDS)

    def is_broken(self) -> bool:
        """The other process holds the port, and the api has given up or is about to start once more."""
        facts = self.stack.status()[self.stack.settings.services.api]
        return self._squatter.pid is not None and facts["state"] in {"failed", "pausing"}

    def mend(self) -> None:
        """End the other process and start the api."""
        self._squatter.end()
        self.stack.start(self.stack.settings.services.api)

    def _take_port(self) -> None:
        settings, holder = self.stack.settings, lock_holder(self.stack.root)
        address, port = settings.address, settings.chosen_ports.api
        otherwise = f"Port {port} could not be taken; who listens on it?"
        self._squatter.start([address, str(port), str(holder)], environment={}, otherwise=otherwise)

    @property
    def _squatter(self) -> Background:
        return Background(Path(squatter.__file__), self.notes / "squatter.pid")

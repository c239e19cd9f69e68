"""A client keeps every server connection of the pooler in open transactions, and others wait."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from awe_incidents.local.lock import lock_holder
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults import hog
from deploy.awe.process.faults.background import Background
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.pooler import SETTINGS


class PoolExhausted(Fault):
    """The database has room, and the application does not get to it."""

    slug: ClassVar[str] = "pool-exhausted"
    title: ClassVar[str] = "batch-importer has every connection of the pooler in open transactions"

    @property
    def lacks(self) -> str:
        """It needs a pooler."""
        if self.stack.pooler is None:
            return "pgbouncer is not installed here, or was not when the stack was laid out"
        return ""

    def inject(self) -> None:
        """Let a client of the application's role begin as many transactions as it can, and more of its clients wait."""
        arguments = ["pool", str(lock_holder(self.stack.root))]
        variables = {"DATABASE_URL": self.stack.application_url(), "POOL_SIZE": SETTINGS["default_pool_size"]}
        self._hog.start(arguments, environment=variables, otherwise="The pool could not be used up.")

    def is_broken(self) -> bool:
        """The api has no connection."""
        try:
            answer = self.stack.client().get("/health")
        except ApiUnreachable:
            return False
        return answer.status == 503 and answer.body["checks"]["database"]["status"] == "error"

    def mend(self) -> None:
        """End the client."""
        self._hog.end()

    @property
    def _hog(self) -> Background:
        return Background(Path(hog.__file__), self.notes / "hog.pid")

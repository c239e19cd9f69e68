"""The database server is stopped."""

from __future__ import annotations

from typing import ClassVar

from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.settings import is_free


class DatabaseStopped(Fault):
    """Nobody listens on the database's port."""

    slug: ClassVar[str] = "database-stopped"
    title: ClassVar[str] = "the database server is stopped"

    def inject(self) -> None:
        """Stop the server in order; the supervisor leaves it so."""
        self.stack.stop(self.stack.settings.services.database)

    def is_broken(self) -> bool:
        """Nobody listens, and the api says that it has no database."""
        try:
            answer = self.stack.client().get("/health")
        except ApiUnreachable:
            return False
        is_missed = answer.status == 503 and answer.body["checks"]["database"]["status"] == "error"
        return is_missed and is_free("127.0.0.1", self.stack.settings.chosen_ports.database)

    def mend(self) -> None:
        """Start the server."""
        self.stack.start(self.stack.settings.services.database)

"""The database server is stopped."""

from __future__ import annotations

from typing import ClassVar

from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault


class DatabaseStopped(Fault):
    """Nobody listens on the database's port."""

    slug: ClassVar[str] = "database-stopped"
    title: ClassVar[str] = "the database server is stopped"

    def inject(self) -> None:
        """Stop the server in order; the supervisor leaves it so."""
        self.stack.stop(self.stack.settings.services.database)

    def is_broken(self) -> bool:
        """The api says that the database refuses connections."""
        try:
            answer = self.stack.client().get("/health")
        except ApiUnreachable:
            return False
        return answer.status == 503 and "refused" in answer.body["checks"]["database"].get("error", "")

    def mend(self) -> None:
        """Start the server."""
        self.stack.start(self.stack.settings.services.database)

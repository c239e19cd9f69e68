"""A client that leaks connections has every one that ordinary roles can have."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from awe_incidents.local.lock import lock_holder
from deploy.awe.process.environments import ROLE
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults import hog
from deploy.awe.process.faults.background import Background
from deploy.awe.process.faults.fault import Fault

STEP_SECONDS, POLL_SECONDS = 10.0, 0.3
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND application_name <> 'report-exporter'
"""


class ConnectionsUsedUp(Fault):
    """The database runs and lets nobody in."""

    slug: ClassVar[str] = "connections-used-up"
    title: ClassVar[str] = "report-exporter has every connection of the database"

    def inject(self) -> None:
        """Let a client of the application's role connect until it is refused, and end the connections of others."""
        arguments = ["connections", str(lock_holder(self.stack.root))]
        variables = {"DATABASE_URL": self.stack.direct_url()}
        self._hog.start(arguments, environment=variables, otherwise="The connections could not be taken.")
        deadline = time.monotonic() + STEP_SECONDS
        while self._ended_others() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)  # until the client has the freed ones, ours among them; a pooler may be faster

    def _ended_others(self) -> bool:
        with self.stack.superuser() as connection:
            return bool(connection.execute(END_OTHERS, [ROLE]).fetchall())

    def is_broken(self) -> bool:
        """The api has no connection, and the client has them all."""
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

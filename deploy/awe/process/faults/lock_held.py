"""A session holds a lock on a table in an open transaction, and others wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from awe_incidents.local.lock import lock_holder
from deploy.awe.process.faults import hog
from deploy.awe.process.faults.background import Background
from deploy.awe.process.faults.fault import Fault

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE cardinality(pg_blocking_pids(pid)) > 0 AND query_start < now() - interval '3 seconds'
"""


class LockHeld(Fault):
    """The health page is fine, and no job can be queued."""

    slug: ClassVar[str] = "lock-held"
    title: ClassVar[str] = "nightly-maintenance locks the table jobs in an open transaction; others wait"

    def inject(self) -> None:
        """Let a client of the application's role take the lock, and another wait for it."""
        variables = {"DATABASE_URL": self.stack.direct_url()}
        arguments = ["lock", str(lock_holder(self.stack.root))]
        self._hog.start(arguments, environment=variables, otherwise="The lock could not be taken.")

    def is_broken(self) -> bool:
        """Somebody has waited for some seconds."""
        with self.stack.superuser() as connection:
            row = connection.execute(WAITING).fetchone()
        return self._hog.pid is not None and row is not None and row[0] > 0

    def mend(self) -> None:
        """End the client."""
        self._hog.end()

    @property
    def _hog(self) -> Background:
        return Background(Path(hog.__file__), self.notes / "hog.pid")

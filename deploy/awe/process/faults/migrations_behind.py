"""The database's schema is behind the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from deploy.awe.process import launch, prepare_database
from deploy.awe.process.errors import ApiUnreachable, ProcessStackError
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.layout import APPLICATION
from deploy.awe.process.settings import PREPARE

RUN_SECONDS = 60.0
BEFORE = "0002_jobs"


class MigrationsBehind(Fault):
    """The health page is fine, and the workflows cannot be listed."""

    slug: ClassVar[str] = "migrations-behind"
    title: ClassVar[str] = "the database's schema is two revisions behind the code"

    def inject(self) -> None:
        """Take the revision back that the workflows need, and what came after it."""
        self._run("alembic", "-c", str(APPLICATION / "alembic.ini"), "downgrade", BEFORE, folder=APPLICATION)

    def is_broken(self) -> bool:
        """A page that needs a missing revision fails."""
        try:
            return self.stack.client().get("/workflows?limit=1", token=self.stack.token()).status == 500
        except ApiUnreachable:
            return False

    def mend(self) -> None:
        """Prepare the database as at every start: new tables have to be opened to the monitor, too."""
        self._run(prepare_database.__name__, folder=self.stack.root)

    def _run(self, module: str, *arguments: str, folder: Path) -> None:
        environment = str(self.stack.layout.environment(PREPARE))
        done = subprocess.run(
            [sys.executable, launch.__file__, environment, sys.executable, "-m", module, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessStackError(
                f"{module} {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}"
            )

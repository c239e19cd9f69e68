"""Nobody listens where the worker's tool web_fetch expects its server."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import ClassVar

from deploy.awe.process.environments import DEAD_JOBS
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault, keep, put_back
from deploy.awe.process.layout import read_environment, write_environment


class ToolDown(Fault):
    """Jobs of one tool fail, all others are done."""

    slug: ClassVar[str] = "tool-down"
    title: ClassVar[str] = "the server of the tool web_fetch does not listen"

    def inject(self) -> None:
        """Point the tool at a port where nobody listens, restart the worker and let it try."""
        keep([self._file], notes=self.notes)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        write_environment(
            self._file, {**read_environment(self._file), "TOOL_BASE_URL": f"http://127.0.0.1:{port}/tools"}
        )
        self.stack.restart(self.stack.settings.services.worker)
        job = self.stack.client().submit("web_fetch", {}, token=self.stack.token())
        (self.notes / "job").write_text(job)

    def is_broken(self) -> bool:
        """The job failed, as the connection was refused."""
        try:
            job = (self.notes / "job").read_text()
            answer = self.stack.client().get(f"/jobs/{job}", token=self.stack.token())
        except (ApiUnreachable, FileNotFoundError):
            return False
        return answer.body.get("status") == "failed" and "refused" in answer.body["result"]

    def mend(self) -> None:
        """Put the environment file back, restart the worker and forget the failed job."""
        put_back([self._file], notes=self.notes)
        self.stack.restart(self.stack.settings.services.worker)
        with self.stack.redis() as redis:
            redis.delete(DEAD_JOBS)

    @property
    def _file(self) -> Path:
        return self.stack.layout.environment(self.stack.settings.services.worker)

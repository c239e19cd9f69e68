"""The worker verifies tokens with another secret than the api signs with."""

from __future__ import annotations

import secrets
from typing import ClassVar

from deploy.awe.process.environments import DEAD_JOBS
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault, keep, put_back
from deploy.awe.process.layout import read_environment, write_environment


class JwtSecretMismatch(Fault):
    """Logins work, and every job is rejected."""

    slug: ClassVar[str] = "jwt-secret-mismatch"
    title: ClassVar[str] = "the worker has another JWT_SECRET_KEY than the api"

    def inject(self) -> None:
        """Change the worker's environment file, restart the worker and queue a job."""
        service = self.stack.settings.services.worker
        path = self.stack.layout.environment(service)
        keep([path], notes=self.notes)
        write_environment(path, {**read_environment(path), "JWT_SECRET_KEY": secrets.token_urlsafe(36)})
        self.stack.restart(service)
        job = self.stack.client().submit("echo", {"text": "rejected?"}, token=self.stack.token())
        (self.notes / "job").write_text(job)

    def is_broken(self) -> bool:
        """The job was rejected for its signature, while logins work."""
        try:
            job = (self.notes / "job").read_text()
            answer = self.stack.client().get(f"/jobs/{job}", token=self.stack.token())
        except (ApiUnreachable, FileNotFoundError):
            return False
        is_rejected: bool = answer.body.get("status") == "rejected"
        return is_rejected and "Signature verification failed" in answer.body["result"]

    def mend(self) -> None:
        """Put the environment file back, restart the worker and forget the rejected jobs."""
        service = self.stack.settings.services.worker
        put_back([self.stack.layout.environment(service)], notes=self.notes)
        self.stack.restart(service)
        with self.stack.redis() as redis:
            redis.delete(DEAD_JOBS)

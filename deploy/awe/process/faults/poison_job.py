"""A job kills the worker at every start, since it is requeued each time."""

from __future__ import annotations

import json
import time
from typing import ClassVar

from deploy.awe.process.environments import DEAD_JOBS, PROCESSING_JOBS, WAITING_JOBS
from deploy.awe.process.faults.fault import Fault

POISON = {"id": "poison-0001", "tool": "translate", "args": {}, "token": "none", "user": "agent"}


class PoisonJob(Fault):
    """The worker does not know the tool, ends, is started again and finds the same job."""

    slug: ClassVar[str] = "poison-job"
    title: ClassVar[str] = "a job kills the worker at every start; the supervisor has given up"

    def inject(self) -> None:
        """Queue a job as an api of tomorrow would."""
        with self.stack.redis() as redis:
            redis.lpush(WAITING_JOBS, json.dumps(POISON | {"queued_at": time.time()}))

    def is_broken(self) -> bool:
        """The worker was started again as often as it may be, and the job is still there."""
        facts = self.stack.status()[self.stack.settings.services.worker]
        with self.stack.redis() as redis:
            return facts["state"] == "failed" and bool(redis.llen(PROCESSING_JOBS))

    def mend(self) -> None:
        """Take the job away and start the worker."""
        service = self.stack.settings.services.worker
        self.stack.stop(service)
        with self.stack.redis() as redis:
            redis.delete(WAITING_JOBS, PROCESSING_JOBS, DEAD_JOBS)
        self.stack.start(service)

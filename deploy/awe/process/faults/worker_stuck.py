"""A job keeps the worker busy for ever, and others wait behind it."""

from __future__ import annotations

import time
from typing import ClassVar

from deploy.awe.process.environments import PROCESSING_JOBS
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault

LONG_SECONDS = 86_400
WAITING_JOBS = 20
TAKEN_SECONDS = 5.0
FRESH_SECONDS = 10.0


class WorkerStuck(Fault):
    """The heartbeat beats, and no job is done."""

    slug: ClassVar[str] = "worker-stuck"
    title: ClassVar[str] = "a job keeps the worker busy for ever; the queue grows"

    def inject(self) -> None:
        """Queue a job that sleeps for a day, wait until it is taken, and queue more."""
        client, token = self.stack.client(), self.stack.token()
        client.submit("sleep", {"seconds": LONG_SECONDS}, token=token)
        deadline = time.monotonic() + TAKEN_SECONDS
        while not client.get("/jobs/stats").body["processing"] and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(WAITING_JOBS):
            client.submit("echo", {"text": "waiting"}, token=token)

    def is_broken(self) -> bool:
        """The jobs wait behind one that is being processed, and the worker is alive."""
        try:
            stats = self.stack.client().get("/jobs/stats").body
        except ApiUnreachable:
            return False
        heartbeat = self.stack.layout.heartbeat(self.stack.settings.services.worker)
        is_alive = heartbeat.exists() and time.time() - heartbeat.stat().st_mtime < FRESH_SECONDS
        return is_alive and stats["processing"] == 1 and stats["queued"] >= WAITING_JOBS

    def mend(self) -> None:
        """Stop the worker, drop the endless job, start the worker again: it does what waits."""
        service = self.stack.settings.services.worker
        self.stack.stop(service)
        with self.stack.redis() as redis:
            redis.delete(PROCESSING_JOBS)
        with self.stack.superuser() as connection:
            connection.execute("UPDATE jobs SET status = 'failed', result = 'dropped' WHERE status = 'running'")
        self.stack.start(service)

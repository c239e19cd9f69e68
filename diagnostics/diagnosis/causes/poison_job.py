"""A job that no worker survives comes back at every start."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, Sign, codes
from diagnostics.diagnosis.observed import Observation


def _holds_a_job(seen: Observation) -> bool:
    processing = seen.measured.get("processing")
    return isinstance(processing, int) and processing > 0


CAUSE = Cause(
    slug="poison_job",
    title="A job kills its worker",
    category="agents",
    severity="high",
    sentence="A job kills the worker each time it is tried: {subject}.",
    signs=(
        *codes("tasks.crash_loop", "tasks.worker_lost", certainty=0.93),
        # A worker that cannot start for another reason has taken no job.
        Sign("queue.unattended", 0.35, TROUBLED, where=_holds_a_job),
    ),
    supported_by=codes("container.crash_loop", certainty=0.85),
    explains=(
        "queue.*",
        "tasks.*",
        "agents.*",
        "runs.*",
        "container.crash_loop",
        "container.restarted",
        "container.exited",
        "memory.*",
    ),
    remedy=(
        "Find the job in the evidence of `agents.stuck_tasks`, which has its id and the lines where the worker ends.",
        "Stop the worker, so that the job is not tried again: `docker compose stop SERVICE` or `systemctl stop UNIT`.",
        "Take the job out of the queue, and keep it, as it is needed to find the fault.",
        "Start the worker again: `docker compose up -d SERVICE` or `systemctl start UNIT`.",
        "Look again: `agents.stuck_tasks` and `agents.workers_and_queues` must pass.",
    ),
    actions=("service.restart",),
)

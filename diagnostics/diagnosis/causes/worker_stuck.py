"""A worker runs, and the job in its hands never ends while others wait behind it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes

CAUSE = Cause(
    slug="worker_stuck",
    title="A worker does not get on",
    category="agents",
    severity="high",
    sentence="{subject} has work and does not get on with it.",
    signs=(
        *codes("queue.stuck", certainty=0.8),
        *codes("tasks.overdue", "tasks.hard_limit", certainty=0.7),
        *codes("queue.heartbeat_stale", "agents.heartbeat_stale", certainty=0.5),
    ),
    refuted_by=codes(
        "queue.no_worker",
        "container.exited",
        "container.paused",
        "container.crash_loop",
        "tasks.crash_loop",
        states=ANY,
    ),
    explains=("queue.*", "tasks.*", "agents.*", "runs.*"),
    remedy=(
        (
            "See which job it is in the evidence of `agents.workers_and_queues`, and its process with "
            "`ps -o pid,stat,cmd -p PID`."
        ),
        (
            "Find what it waits for: a lock (`database.blockers`) or a tool (`agents.tools`); a stopped process "
            "goes on with `kill -CONT PID`."
        ),
        "Otherwise restart the worker: `docker compose restart SERVICE` or `systemctl restart UNIT`.",
        "See whether the job came back or has to be sent again, and give such jobs a time limit.",
        "Look again: `agents.workers_and_queues` and `agents.stuck_tasks` must pass.",
    ),
    actions=("service.restart",),
)

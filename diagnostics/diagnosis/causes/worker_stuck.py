"""A worker runs, and the job in its hands never ends; others wait behind it."""

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
        *codes("queue.no_progress", "queue.heartbeat_stale", "agents.heartbeat_stale", "runs.overdue", certainty=0.5),
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
    actions=("service.restart",),
    how_to="how-to/agents.md",
)

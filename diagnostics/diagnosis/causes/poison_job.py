"""A job that no worker survives comes back at every start."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="poison_job",
    title="A job kills its worker",
    category="agents",
    severity="high",
    sentence="A job kills the worker {subject} each time it is tried.",
    signs=codes("tasks.crash_loop", "tasks.worker_lost", certainty=0.93),
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
    actions=("service.restart",),
    how_to="how-to/agents.md",
)

"""Callers and workers run different versions, or a task or tool was never registered."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="task_unknown",
    title="A worker does not know a task",
    category="agents",
    severity="high",
    sentence="{subject} refuses work that it does not know.",
    signs=codes("registered.refused", "registered.missing", "registered.differs", certainty=0.9),
    explains=("tasks.*", "runs.failing", "queue.*", "tools.*"),
    remedy=(
        "See which task and which worker it is in the finding, and with Celery by `celery -A APP inspect registered`.",
        "Compare the versions of callers and workers, as with `docker compose images`.",
        "Deploy one version to all, or register the task where it is missing, and restart the workers.",
        "Send refused jobs again, as a refused job is not kept.",
        "Look again: `agents.registered_tasks` must pass.",
    ),
)

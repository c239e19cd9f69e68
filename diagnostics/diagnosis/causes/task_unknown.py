"""Callers and workers run different versions, or a tool was never registered."""

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
    how_to="how-to/agents.md",
)

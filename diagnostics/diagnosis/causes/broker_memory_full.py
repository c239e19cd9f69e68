"""The broker is at its memory limit and refuses writes, or throws away what was queued."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_memory_full",
    title="The broker has no memory left",
    category="database",
    severity="critical",
    sentence="{subject} has no memory left for new keys.",
    signs=codes("redis.memory", "redis.out_of_memory", "redis.evicting_policy", certainty=0.9),
    explains=("redis.*", "broker.*", "queue.*", "tasks.*", "health.*", "login.*"),
    how_to="how-to/database.md",
)

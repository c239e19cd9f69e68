"""Clients are connected to a server that only copies another one."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_is_replica",
    title="The broker is a replica",
    category="database",
    severity="critical",
    sentence="{subject} is a replica and takes no writes.",
    signs=codes("redis.replica", certainty=0.93),
    explains=("redis.*", "broker.*", "queue.*", "health.*"),
    how_to="how-to/database.md",
)

"""The password of a client and that of the broker differ."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="queue_password_wrong",
    title="The broker refuses the password",
    category="database",
    severity="critical",
    sentence="{subject} refuses the password of its clients.",
    signs=codes("redis.auth", "broker.auth", certainty=0.93),
    explains=("redis.*", "broker.*", "health.*", "queue.*", "tasks.*", "agents.*", "container.*", "login.*"),
    how_to="how-to/database.md",
)

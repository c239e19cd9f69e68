"""Somebody paused or disabled a database in the pooler, and clients wait until it is resumed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import DATABASE_REFUSES

CAUSE = Cause(
    slug="pooler_paused",
    title="The pooler is paused",
    category="database",
    severity="critical",
    sentence="The pooler at {subject} is paused, or a database in it is disabled.",
    signs=codes("pools.paused", "pools.disabled", certainty=0.95),
    explains=DATABASE_REFUSES,
    remedy=(
        "Confirm it at the pooler's console: `SHOW DATABASES` has the columns `paused` and `disabled`.",
        "Ask who paused it, as somebody may be at work on the server behind it.",
        "Give it free again there with `RESUME DATABASE`, or with `ENABLE DATABASE` where it is disabled.",
        "Look again: `database.pools` and `database.postgres_pooled` must pass.",
    ),
    actions=("pooler.reconnect",),
)

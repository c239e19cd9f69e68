"""A service waits at another broker, or in another database of it, than work is put into."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_elsewhere",
    title="Work is put where nobody takes it",
    category="agents",
    severity="critical",
    sentence="{subject} uses another broker, or another database of it, than the rest of the stack.",
    signs=codes("broker.elsewhere", certainty=0.93),
    explains=("broker.*", "queue.*", "tasks.*", "registered.*", "runs.*"),
    remedy=(
        "Compare the broker addresses that the evidence shows, their database numbers too.",
        "Put the same address into the setting of every service that sends or takes work.",
        "Start those services again, so that they read it.",
        "Look again: `agents.broker` must pass, and then `agents.workers_and_queues`.",
    ),
)

"""Something answers at an address of the stack, and it is not what should be there."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="wrong_program_answers",
    title="Another program answers",
    category="network",
    severity="critical",
    sentence="Something else than the described service answers at {subject}.",
    signs=codes("postgres.other", "redis.other", "redis.protocol", certainty=0.9),
    explains=("postgres.*", "pooled.*", "redis.*", "broker.*", "health.*", "queue.*", "agents.*", "login.*"),
    remedy=(
        "See who listens there, with `ss -ltnp` on that machine or in that container.",
        "Correct the host or port in the configuration, or stop the program that has no business there.",
        "Look again: `database.postgres_direct` or `database.redis` must pass.",
    ),
)

"""The lifetime of tokens is set too short for anybody to use them."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes

CAUSE = Cause(
    slug="token_lifetime_too_short",
    title="Tokens expire at once",
    category="authentication",
    severity="high",
    sentence="Tokens of {subject} are expired when they are issued, or soon after.",
    signs=codes("token.expired", "token.short_lived", "token.nearly_expired", certainty=0.9),
    refuted_by=codes("clock.skewed", states=ANY),
    explains=(
        "login.token_rejected",
        "login.protected_failed",
        "token.*",
        "security.failures",
        "queue.*",
        "tasks.*",
        "runs.failing",
    ),
    explains_everywhere=("login.token_rejected", "tasks.*", "runs.failing"),
    how_to="how-to/authentication.md",
)

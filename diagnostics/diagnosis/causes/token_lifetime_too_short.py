"""The lifetime of tokens is set too short for anybody to use them."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes

CAUSE = Cause(
    slug="token_lifetime_too_short",
    title="Tokens expire at once",
    category="authentication",
    severity="high",
    sentence="Tokens of {subject} are expired when they are issued, or soon after.",
    signs=codes("token.expired", "token.short_lived", certainty=0.9),
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
    remedy=(
        (
            "See the token's times in the evidence of `auth.token_lifetime`, and that the clocks agree "
            "(`auth.clock_skew`)."
        ),
        "Read the lifetime in the configuration of the issuer, and its unit, as minutes are easily taken for seconds.",
        (
            "Set it to what people need, and restart the service that issues tokens: "
            "`docker compose up -d --force-recreate SERVICE` or `systemctl restart UNIT`."
        ),
        "Look again: `auth.token_lifetime` must pass.",
    ),
)

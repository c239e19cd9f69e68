"""A secret still is what the documentation or the shipped configuration says."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="placeholder_secret",
    title="A secret is a placeholder",
    category="startup",
    severity="high",
    sentence="{subject} runs with a secret that is a placeholder or the shipped default.",
    signs=codes("config.placeholder", certainty=0.9, states=TROUBLED),
    remedy=(
        "See which variables they are in the finding of `startup.config_presence`, which shows no values.",
        "Make a value that nobody can guess, as with `openssl rand -base64 32`.",
        "Set it at every place that uses this secret at the same time, as both sides have to have the same.",
        "Restart the services that use it, and take the old value for known to others.",
        "Look again: `startup.config_presence` must pass.",
    ),
)

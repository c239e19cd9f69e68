"""A secret was never changed from what the documentation or the shipped configuration says."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="placeholder_secret",
    title="A secret is a placeholder",
    category="startup",
    severity="high",
    sentence="{subject} runs with a secret that is a placeholder or the shipped default.",
    signs=codes("config.placeholder", certainty=0.9, states=TROUBLED),
    how_to="how-to/startup.md",
)

"""The application may not ask its model provider for more: credit or quota is used up, or too much is asked at once."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="model_quota_exhausted",
    title="The quota at the model provider is used up",
    category="agents",
    severity="high",
    sentence="The model provider at {subject} answers no more, as the quota of the key is used up.",
    signs=codes("provider.quota", certainty=0.95),
    explains=("tools.failing", "tools.errors", "runs.failing", "tasks.dead_growing"),
    remedy=(
        "Read the provider's own word in the evidence: a rate that is too high goes by itself, credit does not.",
        "See in the provider's console what used the quota: one agent that asks again and again shows there.",
        "Where it is the rate, let fewer workers ask at once; where it is credit, have the quota or the credit raised.",
        "Look again: `agents.model_provider` must pass.",
    ),
)

"""The model provider answers, and with an error of its own."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="model_provider_failing",
    title="The model provider fails",
    category="agents",
    severity="high",
    sentence="The model provider at {subject} is reached, and fails by itself.",
    signs=codes("provider.failing", "provider.no_answer", certainty=0.9),
    explains=("tools.failing", "tools.errors", "runs.failing", "tasks.dead_growing"),
    remedy=(
        "Read the provider's status page, and ask its support with the request id of the evidence.",
        "Hold back what can wait: runs that are tried again and again use up the quota for when it is back.",
        "Let the workers ask another provider or region, where the application knows one.",
        "Look again: `agents.model_provider` must pass.",
    ),
)

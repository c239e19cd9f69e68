"""The key that the application shows to its model provider is wrong, was withdrawn, or may not do this."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="model_key_refused",
    title="The model provider refuses the key",
    category="agents",
    severity="high",
    sentence="The model provider at {subject} refuses the key that the agents show.",
    signs=codes("provider.key_refused", certainty=0.95),
    explains=("tools.failing", "tools.errors", "runs.failing", "tasks.dead_growing"),
    remedy=(
        "See in the provider's console whether the key is still there, and for which project and rights it was made.",
        "Compare which key the workers have, by its last characters only; a key does not belong in a chat or a ticket.",
        "Make a new key where the old one was withdrawn, put it where the secret is kept, and restart the workers.",
        "Start runs again that failed for it, as they do not come back by themselves.",
        "Look again: `agents.model_provider` must pass.",
    ),
)

"""The way from the workers to their model provider is closed: name, egress, route or TLS."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="model_provider_unreachable",
    title="The model provider cannot be reached",
    category="network",
    severity="high",
    sentence="The model provider at {subject} cannot be reached from where the agents run.",
    signs=codes(
        "provider.timeout",
        "provider.unknown_name",
        "provider.refused",
        "provider.unreachable",
        "provider.reset",
        "provider.tls",
        certainty=0.9,
    ),
    explains=("tools.failing", "tools.errors", "runs.failing", "tasks.dead_growing"),
    remedy=(
        "Try it from where the agents run: `docker compose exec SERVICE curl -v URL` shows how far it comes.",
        "Where nothing answers, see whether firewall and routes let the workers out, or they need an HTTP proxy.",
        "Where a certificate is refused, see who issued it: a proxy that opens TLS needs its CA in the workers' trust.",
        "Correct the address, the route or the rule, and restart the workers where their environment changed.",
        "Look again: `agents.model_provider` must pass.",
    ),
)

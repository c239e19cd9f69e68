"""Everything works, and each step on the way takes too long."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="slow_link",
    title="A connection is slow",
    category="network",
    severity="high",
    sentence="The way to {subject} is slow or loses packets.",
    signs=(*codes("latency.high", "latency.lossy", certainty=0.9, states=TROUBLED),),
    explains=(
        "timing.*",
        "api.*",
        "postgres.timeout",
        "redis.timeout",
        "health.*",
        "pooled.*",
        "container.unhealthy",
        "handshake.timeout",
    ),
    how_to="how-to/network.md",
)

"""Everything works, and each step on the way takes too long."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, TROUBLED, Cause, codes

CAUSE = Cause(
    slug="slow_link",
    title="A connection is slow",
    category="network",
    severity="high",
    sentence="The way to {subject} is slow or loses packets.",
    signs=(
        *codes("latency.high", "latency.lossy", certainty=0.9, states=TROUBLED),
        *codes("handshake.timeout", certainty=0.3),
    ),
    # Who shows a certificate is alive: a handshake that does not end for all that is a matter of the way.
    supported_by=codes("served.same", "served.other", "names.all_present", certainty=0.5, states=ANY),
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
    explains_everywhere=("proxy.upstream_timeout",),  # which is told of whom a slow proxy does not reach in time
    remedy=(
        "Measure it from the caller: `ping -c 20 HOST` for losses, and `mtr -rwc 20 HOST` for where on the way.",
        (
            "See whether an interface counts errors or drops (`ip -s link`), or is slowed down on purpose "
            "(`tc qdisc show`)."
        ),
        "Repair or relieve that part of the way, or bring the two services nearer to each other.",
        "Look again: `network.latency` must pass.",
    ),
)

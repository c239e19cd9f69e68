"""What follows from what, by codes: named groups, so that causes of a kind explain the same away."""

from __future__ import annotations

# A service that does not answer, seen at itself and at those that stand on it.
SILENCE = (
    "connection.*",
    "port.nobody_listens",
    "handshake.connect_*",
    "handshake.timeout",
    "handshake.undecided",
    "handshake.closed",
    "postgres.*",
    "pooled.*",
    "pools.*",
    "redis.*",
    "broker.*",
    "dns.*",
    "latency.*",
    "timing.*",
    "health.*",
    "api.*",
    "login.no_answer",
    "login.server_error",
    "login.protected_failed",
    "login.unexpected",
    "clock.*",
    "container.unhealthy",
    "container.crash_loop",
    "container.restarted",
    "queue.*",
    "tasks.*",
    "agents.*",
    "runs.*",
    "registered.*",
    "tools.*",
    "provider.*",
    "proxy.*",
    "security.failures",
    "firewall.blocked",
    "statements.*",
    "logs.missing",
    "config.no_process",
    "descriptors.no_process",
    "oauth.unreachable",
    "chain.nothing_seen",
    "names.nothing_seen",
    "served.nothing_seen",
    "log.*",
)

# A database that answers, but not to what the application asks.
DATABASE_REFUSES = (
    "postgres.*",
    "pooled.*",
    "pools.*",
    "saturation.*",
    "health.*",
    "api.*",
    "timing.*",
    "login.no_answer",
    "login.server_error",
    "login.protected_failed",
    "container.unhealthy",
    "container.crash_loop",
    "container.restarted",
    "queue.*",
    "tasks.*",
    "agents.*",
    "runs.*",
    "tools.*",
    "proxy.*",
    "security.failures",
    "connection.timeout",
    "log.*",
)

# A connection that no client can make under TLS.
TLS_REFUSES = (
    "handshake.*",
    "health.no_answer",
    "health.unclear",
    "login.no_answer",
    "chain.*",
    "timing.*",
    "api.*",
    "oauth.unreachable",
)

# A program that cannot start.
NEVER_STARTS = (*SILENCE, "container.*", "service.no_container", "port.*", "memory.*")

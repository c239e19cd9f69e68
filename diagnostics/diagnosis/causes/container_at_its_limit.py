"""A container uses up the memory or the processor time that it may have, and whatever runs in it waits or is killed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="container_at_its_limit",
    title="A container is at its limit",
    category="performance",
    severity="high",
    sentence="{subject} has used up the memory or the processor time that its container may have.",
    signs=(
        *codes("memory.near_limit", certainty=0.75),
        *codes("cpu.busy", certainty=0.7),
    ),
    supported_by=codes("cpu.throttled", "host.cpu_pressure", certainty=0.2, states=TROUBLED),
    explains=(
        "api.*",
        "timing.*",
        "health.*",
        "latency.*",
        "container.unhealthy",
        "container.restarted",
        "handshake.timeout",
        "postgres.timeout",
        "pooled.timeout",
        "redis.timeout",
        "broker.timeout",
        "queue.*",
        "tasks.*",
    ),
    remedy=(
        "See how much it uses of what it may have: `docker stats --no-stream`, and its limits in the compose file.",
        "See which process in it does: `docker top CONTAINER -o pid,pcpu,rss,args`.",
        "Where that is a job gone wild or a leak, restart the service, and have the program mended.",
        (
            "Where it is the usual work, raise `cpus` or `mem_limit` as far as the machine has room, or run more"
            " containers of the service."
        ),
        "Look again: `performance.container_cpu` and `performance.container_memory` must pass.",
    ),
    actions=("service.restart",),
)

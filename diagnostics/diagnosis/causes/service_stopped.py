"""A process or container that should run does not: it was stopped, or it ended and nobody starts it again."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, TROUBLED, Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="service_stopped",
    title="A service is stopped",
    category="startup",
    severity="critical",
    sentence="{subject} is down: its process or container does not run.",
    signs=(
        *codes("container.exited", "container.created", "container.dead", certainty=0.95),
        *codes("port.nobody_listens", certainty=0.7),
        *codes("port.nobody_listens", "connection.refused", certainty=0.5, states=TROUBLED),
        *codes("postgres.refused", "pooled.refused", "redis.refused", "broker.refused", certainty=0.8),
        *codes("postgres.dns", "redis.dns", "dns.unknown_name", certainty=0.3),
        *codes("handshake.connect_refused", certainty=0.6),
        *codes("queue.no_worker", "broker.no_process", certainty=0.6),
    ),
    refuted_by=codes(
        "container.running",
        "container.completed",
        "container.crash_loop",
        "container.paused",
        "port.owned",
        "port.taken",
        "container.port_taken",
        "service.image_missing",
        "memory.killed",
        states=ANY,
    ),
    explains=NEVER_STARTS,
    remedy=(
        "See how it ended: `docker compose ps -a` or `systemctl status UNIT`, and the last lines of its log.",
        "Ask whether somebody stopped it on purpose before it is started again.",
        "Repair what ended it, where its log or exit code names something (memory, a disk, a setting).",
        "Start it: `docker compose up -d SERVICE` or `systemctl start UNIT`.",
        "Look again: `startup.container_state` must pass for a container, `startup.port_conflict` for a process.",
    ),
    actions=("service.restart",),
)

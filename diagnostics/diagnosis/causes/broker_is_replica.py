"""Clients are connected to a Redis server that only copies another one, so that nothing can be queued."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_is_replica",
    title="The broker is a replica",
    category="database",
    severity="critical",
    sentence="{subject} is a replica and takes no writes.",
    signs=codes("redis.replica", certainty=0.93),
    explains=("redis.*", "broker.*", "queue.*", "health.*"),
    remedy=(
        "Ask the server for its role and its master: `redis-cli -h HOST -p PORT INFO replication`.",
        "Where the master has moved, point the clients to the new one and restart them.",
        (
            "Where it copies by mistake and has the newest data, end that with "
            "`redis-cli -h HOST -p PORT REPLICAOF NO ONE`."
        ),
        "Take `replicaof` out of its configuration in that case, or the next start brings it back.",
        "Look again: `database.redis` and `agents.broker` must pass.",
    ),
)

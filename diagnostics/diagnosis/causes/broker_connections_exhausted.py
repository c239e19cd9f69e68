"""The broker turns clients away because it has as many as it takes."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_connections_exhausted",
    title="The broker has no connection left",
    category="database",
    severity="critical",
    sentence="Every connection of {subject} is taken, and it turns clients away.",
    signs=codes("redis.rejecting", "redis.max_clients", certainty=0.9),
    explains=("redis.*", "broker.*", "queue.*", "health.*", "login.*"),
    remedy=(
        "See who holds them: `redis-cli CLIENT LIST`, by name and address.",
        "Restart the client that keeps opening connections, or let it use a pool.",
        "Where all of them are needed, raise `maxclients` together with the limit of open files of the server.",
        "Look again: `database.redis` and `database.redis_losses` must pass.",
    ),
)

"""The broker is at its memory limit: it refuses writes, or throws away what was queued."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="broker_memory_full",
    title="The broker has no memory left",
    category="database",
    severity="critical",
    sentence="{subject} has no memory left for new keys.",
    signs=codes("redis.memory", "redis.out_of_memory", certainty=0.9),
    explains=("redis.*", "broker.*", "queue.*", "tasks.*", "health.*", "login.*"),
    remedy=(
        "See use, limit and policy with `redis-cli -h HOST -p PORT INFO memory`, and what is large with `--bigkeys`.",
        "Find out why it grew before deleting anything: `agents.workers_and_queues` says whether jobs are taken.",
        "Raise the limit with `redis-cli -h HOST -p PORT CONFIG SET maxmemory BYTES`, and in its configuration.",
        "Set `maxmemory-policy` to `noeviction`, as any other policy may throw queued jobs away.",
        "Look again: `database.redis` and `database.redis_losses` must pass.",
    ),
)

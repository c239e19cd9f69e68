"""A host name in a configuration is mistyped, or was never made known, or its container is gone."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, TROUBLED, Cause, codes, said_lately
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="name_unresolvable",
    title="A host name does not resolve",
    category="network",
    severity="critical",
    sentence="A host name does not resolve, so that {subject} cannot be found.",
    signs=(
        *codes("dns.unknown_name", "dns.no_address", certainty=0.85),
        *codes("postgres.dns", "redis.dns", "pooled.dns", "broker.dns", certainty=0.8),
        *said_lately("pb-05", mended_by=("pooled.answered",)),
    ),
    supported_by=(
        *codes("health.*", "pooled.*", "login.*", "queue.stuck", "api.*", "container.unhealthy", certainty=0.5),
        *codes("networks.alias_missing", certainty=0.5, states=TROUBLED),
    ),
    refuted_by=codes("container.exited", "dns.off_network", states=ANY),
    explains=SILENCE,
    remedy=(
        "Ask as the caller does: `getent hosts NAME`, or `docker compose exec CALLER getent hosts NAME`.",
        "Compare it letter by letter with the service's name, its network aliases, or the zone of the name server.",
        "See with `docker compose ps -a` whether the service runs, as a stopped container's name does not resolve.",
        "Correct the name in the caller's configuration, or make it known, and restart the caller.",
        "Look again: `network.dns` must pass.",
    ),
)

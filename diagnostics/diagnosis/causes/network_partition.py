"""The way between two services is closed: they share no network, a firewall is between, or there is no route."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, TROUBLED, Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="network_partition",
    title="A service is cut off from its network",
    category="network",
    severity="critical",
    sentence="{subject} cannot be reached by those who need it, though nothing says that it is down.",
    signs=(
        *codes("dns.off_network", certainty=0.95),
        *codes("networks.none_shared", certainty=0.95, states=TROUBLED),
        *codes("connection.unreachable", certainty=0.8),
        *codes("firewall.blocked", certainty=0.85),
        *codes("connection.timeout", certainty=0.5),
    ),
    refuted_by=codes("container.exited", "container.paused", states=ANY),
    explains=SILENCE,
    explains_everywhere=("dns.off_network",),  # seen from the other side of the same cut
    remedy=(
        "Try the way from the caller's own side, where its tools allow it: `nc -vz HOST PORT`.",
        "See whether both are in one network: `docker network inspect NETWORK` lists its containers.",
        "Connect it again under its name: `docker network connect --alias SERVICE NETWORK CONTAINER`.",
        "Where a firewall blocks it, remove the one rule that `network.published_ports` cites.",
        "Look again: `network.networks`, `network.connections` and `network.published_ports` must pass.",
    ),
)
